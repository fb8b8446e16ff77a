/** A long identifier that may break behind its separators rather than anywhere. */
import { Fragment, type ReactNode } from 'react'

export function Breakable({ text }: { readonly text: string }): ReactNode {
  return (
    <span className="breakable" translate="no">
      {text.split(/(?<=[/:@._]+)(?=[^/:@._])/).map((part, index) => (
        // The parts of a text never move.
        <Fragment key={index}>
          {index === 0 ? null : <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  )
}
