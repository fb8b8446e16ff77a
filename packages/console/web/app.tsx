/** The frame around the pages: theme, language, live state, and the page of the address. */
import { QueryClientProvider } from '@tanstack/react-query'
import { ConfigProvider } from 'antd'
import enUS from 'antd/es/locale/en_US.js'
import zhCN from 'antd/es/locale/zh_CN.js'
import { lazy, Suspense, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react'
import { PageSkeleton } from './components/load-state.tsx'
import { Shell } from './components/shell.tsx'
import { LanguageProvider, useLanguage } from './i18n/language.tsx'
import { createQueryClient } from './live/queries.ts'
import { LiveProvider } from './live/live.tsx'
import { NotFoundPage } from './pages/not-found.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { topicsOf, type Route } from './router.ts'
import { createTheme } from './theme.ts'
import { useRoute } from './use-route.ts'

const ServicesPage = lazy(() =>
  import('./pages/services.tsx').then((page) => ({ default: page.ServicesPage })),
)
const TransactionsPage = lazy(() =>
  import('./pages/transactions.tsx').then((page) => ({ default: page.TransactionsPage })),
)
const TransactionDetailPage = lazy(() =>
  import('./pages/transaction.tsx').then((page) => ({ default: page.TransactionDetailPage })),
)

export function App(): ReactNode {
  const [client] = useState(createQueryClient)
  const route = useRoute()
  return (
    <QueryClientProvider client={client}>
      <LanguageProvider>
        <Themed>
          <LiveProvider topics={topicsOf(route)}>
            <Shell route={route}>
              <Suspense fallback={<PageSkeleton />}>
                <Page route={route} />
              </Suspense>
            </Shell>
          </LiveProvider>
        </Themed>
      </LanguageProvider>
    </QueryClientProvider>
  )
}

function Page({ route }: { readonly route: Route }): ReactNode {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />
    case 'services':
      return <ServicesPage route={route} />
    case 'transactions':
      return <TransactionsPage route={route} />
    case 'transaction':
      return <TransactionDetailPage xid={route.xid} />
    case 'unknown':
      return <NotFoundPage path={route.path} />
  }
}

function Themed(props: { readonly children: ReactNode }): ReactNode {
  const { language } = useLanguage()
  const isDark = useSyncExternalStore(watchColorScheme, () => colorScheme.matches)
  const theme = useMemo(() => createTheme(isDark), [isDark])
  return (
    <ConfigProvider
      theme={theme}
      locale={language === 'zh' ? zhCN : enUS}
      button={{ autoInsertSpace: false }}
    >
      {props.children}
    </ConfigProvider>
  )
}

const colorScheme = matchMedia('(prefers-color-scheme: dark)')

function watchColorScheme(onChange: () => void): () => void {
  colorScheme.addEventListener('change', onChange)
  return () => colorScheme.removeEventListener('change', onChange)
}
