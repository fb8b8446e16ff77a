/** The mark: a settee drawn with one line. */
import type { ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'

export function Brand(): ReactNode {
  const { t } = useLanguage()
  return (
    <a className="brand" href="#/">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <path d="M7 15V11a5 5 0 0 1 5-5h8a5 5 0 0 1 5 5v4" />
        <path d="M4.5 15A2.5 2.5 0 0 1 9.5 15V19H22.5V15A2.5 2.5 0 0 1 27.5 15V24H4.5Z" />
        <path d="M8 24v3M24 24v3" />
      </svg>
      {t('app.name')}
    </a>
  )
}
