/** The shell of every page: brand and sections, live indicator, language, notice when stale. */
import {
  ApartmentOutlined,
  DashboardOutlined,
  SwapOutlined,
  TranslationOutlined,
} from '@ant-design/icons'
import { Button } from 'antd'
import { useEffect, useRef, type ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'
import type { MessageKey } from '../i18n/translate.ts'
import { useLive } from '../live/live.tsx'
import { formatRoute, type Route } from '../router.ts'
import { Brand } from './brand.tsx'
import { LiveIndicator } from './live-indicator.tsx'
import { StaleNotice } from './stale-notice.tsx'

interface Section {
  readonly label: MessageKey
  readonly icon: ReactNode
  readonly route: Route
  readonly pages: readonly Route['page'][]
}

const sections: readonly Section[] = [
  {
    label: 'nav.overview',
    icon: <DashboardOutlined />,
    route: { page: 'overview' },
    pages: ['overview'],
  },
  {
    label: 'nav.services',
    icon: <ApartmentOutlined />,
    route: { page: 'services', dataId: null, query: '' },
    pages: ['services'],
  },
  {
    label: 'nav.transactions',
    icon: <SwapOutlined />,
    route: { page: 'transactions', state: null, query: '', before: null },
    pages: ['transactions', 'transaction'],
  },
]

export function Shell(props: { readonly route: Route; readonly children: ReactNode }): ReactNode {
  const { t } = useLanguage()
  const { connection } = useLive()
  const main = useFocusOnChange(pageIdentity(props.route))
  return (
    <div className="shell">
      <a className="skip-link" href="#main" onClick={(event) => focusMain(event, main.current)}>
        {t('app.skip')}
      </a>
      <header className="shell-side">
        <Brand />
        <nav aria-label={t('app.navigation')}>
          <ul>
            {sections.map((section) => (
              <SectionLink key={section.label} section={section} page={props.route.page} />
            ))}
          </ul>
        </nav>
        <div className="shell-tools">
          <LiveIndicator />
          <LanguageSwitch />
        </div>
      </header>
      <main ref={main} tabIndex={-1} data-stale={connection.phase === 'waiting' || undefined}>
        <StaleNotice />
        <div className="page">{props.children}</div>
      </main>
    </div>
  )
}

function SectionLink(props: {
  readonly section: Section
  readonly page: Route['page']
}): ReactNode {
  const { t } = useLanguage()
  const { label, icon, route, pages } = props.section
  return (
    <li>
      <a href={formatRoute(route)} aria-current={pages.includes(props.page) ? 'page' : undefined}>
        <span aria-hidden="true">{icon}</span>
        {t(label)}
      </a>
    </li>
  )
}

function LanguageSwitch(): ReactNode {
  const { t, language, setLanguage } = useLanguage()
  return (
    <Button
      type="text"
      size="small"
      icon={<TranslationOutlined />}
      aria-label={t('app.languageHint')}
      lang={language === 'zh' ? 'en' : 'zh-CN'}
      onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
    >
      {t('app.language')}
    </Button>
  )
}

/** A filter or an opened drawer is the same page; another transaction is another one. */
function pageIdentity(route: Route): string {
  return route.page === 'transaction' ? route.xid : route.page
}

/** After a change of page, reading and tabbing start at the content, at its top. */
function useFocusOnChange(identity: string): React.RefObject<HTMLElement | null> {
  const main = useRef<HTMLElement>(null)
  const shown = useRef(identity)
  useEffect(() => {
    if (shown.current === identity) return
    shown.current = identity
    main.current?.focus({ preventScroll: true })
    scrollTo({ top: 0 })
  }, [identity])
  return main
}

function focusMain(event: React.MouseEvent, main: HTMLElement | null): void {
  // The hash is the route, so the anchor must not change it.
  event.preventDefault()
  main?.focus()
}
