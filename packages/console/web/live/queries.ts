/** The queries of the pages. Their keys are the topics that `live.tsx` writes to. */
import {
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from '@tanstack/react-query'
import { useState } from 'react'
import type { Overview, ServiceDetail, ServiceSummary } from '../../src/api.ts'
import type { RepairOrder, TransactionDetail, TransactionPage } from '../../src/api.ts'
import { formatFilter, type TransactionFilter } from '../router.ts'
import {
  ApiError,
  fetchOverview,
  fetchService,
  fetchServices,
  fetchTransaction,
  fetchTransactions,
  repairBranch,
} from './api-client.ts'

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The stream says when something changed, so nothing is stale by age alone.
        staleTime: Infinity,
        gcTime: 60_000,
        refetchOnWindowFocus: false,
        // A control plane on loopback is there without any network.
        networkMode: 'always',
        // The stream reconnects with backoff and then refreshes all; a refusal stays a refusal.
        retry: (failures, error) => !(error instanceof ApiError) && failures < 2,
      },
    },
  })
}

export function useOverview(): UseQueryResult<Overview> {
  return useQuery({ queryKey: ['overview'], queryFn: ({ signal }) => fetchOverview(signal) })
}

/** The server's clock as of the last event; it stands still while the control plane is away. */
export function useServerNow(): number {
  const { data } = useOverview()
  const [openedAt] = useState(Date.now)
  return data?.now ?? openedAt
}

export function useServices(): UseQueryResult<readonly ServiceSummary[]> {
  return useQuery({
    queryKey: ['services'],
    queryFn: ({ signal }) => fetchServices(signal),
    // Another page did not follow this topic, so what is cached may be old.
    refetchOnMount: 'always',
  })
}

export function useService(dataId: string): UseQueryResult<ServiceDetail> {
  return useQuery({
    queryKey: ['service', dataId],
    queryFn: ({ signal }) => fetchService(dataId, signal),
    refetchOnMount: 'always',
  })
}

export function useTransactions(filter: TransactionFilter): UseQueryResult<TransactionPage> {
  return useQuery({
    queryKey: ['transactions', formatFilter(filter)],
    queryFn: ({ signal }) => fetchTransactions(filter, signal),
    refetchOnMount: 'always',
    // While another filter loads, the list does not jump.
    placeholderData: (previous) => previous,
  })
}

export function useTransaction(xid: string): UseQueryResult<TransactionDetail> {
  return useQuery({
    queryKey: ['transaction', xid],
    queryFn: ({ signal }) => fetchTransaction(xid, signal),
    refetchOnMount: 'always',
  })
}

/** Orders the repair of a branch, and shows the transaction as it is then. */
export function useRepair(
  xid: string,
  branchId: string,
): UseMutationResult<TransactionDetail, Error, RepairOrder> {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (order: RepairOrder) => repairBranch(xid, branchId, order),
    onSuccess: (transaction) => client.setQueryData(['transaction', xid], transaction),
  })
}
