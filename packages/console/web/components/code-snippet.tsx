/** A few lines of TypeScript to copy. */
import type { ReactNode } from 'react'
import { CopyButton } from './copy-button.tsx'

export function CodeSnippet({ code }: { readonly code: string }): ReactNode {
  return (
    <div className="snippet" translate="no">
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
      <CopyButton what="TypeScript" text={code} />
    </div>
  )
}
