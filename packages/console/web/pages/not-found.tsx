/** An address that leads nowhere. */
import type { ReactNode } from 'react'
import { EmptyState } from '../components/load-state.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useTitle } from '../use-route.ts'

export function NotFoundPage({ path }: { readonly path: string }): ReactNode {
  const { t } = useLanguage()
  const title = t('app.notFound', { path })
  useTitle(title)
  return (
    <EmptyState title={title} hint={t('app.notFoundHint')}>
      <a href="#/">{t('app.home')}</a>
    </EmptyState>
  )
}
