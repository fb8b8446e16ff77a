/** The transactions: the newest live, filtered by state, found by xid or name. */
import { LeftOutlined, RightOutlined } from '@ant-design/icons'
import { Button, Input, Segmented } from 'antd'
import type { ReactNode } from 'react'
import type { TransactionPage } from '../../src/api.ts'
import { CodeSnippet } from '../components/code-snippet.tsx'
import { EmptyState, Loaded } from '../components/load-state.tsx'
import { RecordTable } from '../components/record-table.tsx'
import { useLanguage } from '../i18n/language.tsx'
import { useTransactions } from '../live/queries.ts'
import { formatFilter, formatRoute, transactionStates, type Route } from '../router.ts'
import { navigate, useTitle } from '../use-route.ts'
import { transactionSnippet } from './snippets.ts'
import { useTransactionColumns } from './transaction-columns.tsx'

type TransactionsRoute = Extract<Route, { page: 'transactions' }>

export function TransactionsPage({ route }: { readonly route: TransactionsRoute }): ReactNode {
  const { t } = useLanguage()
  const query = useTransactions(route)
  useTitle(t('nav.transactions'))
  return (
    <>
      <div className="page-head">
        <h1>{t('nav.transactions')}</h1>
      </div>
      <TransactionToolbar route={route} />
      <Loaded query={query}>
        {(page) =>
          page.items.length === 0 ? (
            <NoTransactions route={route} />
          ) : (
            <TransactionList page={page} route={route} />
          )
        }
      </Loaded>
    </>
  )
}

function TransactionToolbar({ route }: { readonly route: TransactionsRoute }): ReactNode {
  const { t } = useLanguage()
  const options = [
    { value: 'all', label: t('transactions.all') },
    ...transactionStates.map((state) => ({ value: state, label: t(`state.${state}`) })),
  ]
  return (
    <div className="toolbar">
      <div className="scroll-x">
        <Segmented
          aria-label={t('transactions.filter')}
          options={options}
          value={route.state ?? 'all'}
          onChange={(value) => {
            const state = transactionStates.find((known) => known === value) ?? null
            navigate({ ...route, state, before: null })
          }}
        />
      </div>
      <Input.Search
        allowClear
        value={route.query}
        placeholder={t('transactions.search')}
        aria-label={t('transactions.search')}
        onChange={({ target }) =>
          navigate({ ...route, query: target.value, before: null }, { replace: true })
        }
      />
    </div>
  )
}

function TransactionList(props: {
  readonly page: TransactionPage
  readonly route: TransactionsRoute
}): ReactNode {
  const { t, format } = useLanguage()
  const { page, route } = props
  const columns = useTransactionColumns()
  const newest = formatRoute({ ...route, before: null })
  return (
    <>
      <div className="panel">
        <RecordTable
          label={t('transactions.list')}
          columns={columns}
          rows={page.items}
          rowKey={({ xid }) => xid}
        />
      </div>
      <div className="pager">
        <span className="quiet">
          {t('transactions.history', { count: format.count(page.historyLimit) })}
        </span>
        {route.before === null ? null : (
          <Button href={newest} icon={<LeftOutlined />}>
            {t('transactions.newest')}
          </Button>
        )}
        {page.next === null ? null : (
          <Button
            href={formatRoute({ ...route, before: page.next })}
            icon={<RightOutlined />}
            iconPlacement="end"
          >
            {t('transactions.older')}
          </Button>
        )}
      </div>
    </>
  )
}

function NoTransactions({ route }: { readonly route: TransactionsRoute }): ReactNode {
  const { t } = useLanguage()
  if (formatFilter(route) === '') {
    return (
      <EmptyState title={t('transactions.emptyTitle')} hint={t('transactions.emptyHint')}>
        <CodeSnippet code={transactionSnippet} />
      </EmptyState>
    )
  }
  const all = formatRoute({ page: 'transactions', state: null, query: '', before: null })
  return (
    <EmptyState title={t('transactions.noMatch')}>
      <a href={all}>{t('transactions.clearFilter')}</a>
    </EmptyState>
  )
}
