/**
 * Live state: one event stream for what the page shows feeds the query cache, so pages read queries
 * and never know where the newest value came from. When the stream is lost, the last values stay.
 */
import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { openEvents } from './api-client.ts'
import { createConnection, type Connection } from './connection.ts'
import { followEvents } from './follow-events.ts'
import type { ServerEvent } from './sse-parser.ts'

export interface Live {
  readonly connection: Connection
  /** Ends the wait for the next attempt. */
  readonly tryNow: () => void
}

const context = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(context)
  if (live === null) throw new Error('useLive outside of LiveProvider')
  return live
}

export function LiveProvider(props: {
  readonly topics: readonly string[]
  readonly children: ReactNode
}): ReactNode {
  const client = useQueryClient()
  const [connection, setConnection] = useState(() => createConnection(Date.now()))
  const latest = useRef(connection)
  const wake = useRef(() => {})
  const topics = props.topics.join(',')

  useEffect(() => {
    const controller = new AbortController()
    const ports = {
      open: (signal: AbortSignal) => openEvents(topics, signal),
      now: Date.now,
      random: Math.random,
      wait: (delayMs: number, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, delayMs)
          wake.current = () => {
            clearTimeout(timer)
            resolve()
          }
          signal.addEventListener('abort', () => wake.current(), { once: true })
        }),
    }
    void followEvents(ports, {
      from: latest.current,
      signal: controller.signal,
      onEvent: (event) => storeEvent(client, event),
      onConnection(next) {
        const isBack = latest.current.phase === 'waiting' && next.phase === 'live'
        latest.current = next
        setConnection(next)
        if (isBack) void client.invalidateQueries()
      },
    })
    return () => controller.abort()
  }, [client, topics])

  const live = useMemo(() => ({ connection, tryNow: () => wake.current() }), [connection])
  return <context.Provider value={live}>{props.children}</context.Provider>
}

/** Puts an event into the cache; what is only derived from it is fetched again. */
function storeEvent(client: QueryClient, { topic, text }: ServerEvent): void {
  const value: unknown = JSON.parse(text)
  const [family, ...id] = topic.split(':')
  switch (family) {
    case 'overview':
    case 'services':
      client.setQueryData([family], value)
      break
    case 'transactions':
      client.setQueryData(['transactions', ''], value)
      break
    case 'transaction':
      client.setQueryData(['transaction', id.join(':')], value)
      break
  }
  // No refetch is cancelled for a newer one: with many events a second none would ever finish.
  const gently = { cancelRefetch: false }
  if (family === 'services') void client.invalidateQueries({ queryKey: ['service'] }, gently)
  if (family === 'transactions') {
    const isFiltered = ({ queryKey }: { queryKey: readonly unknown[] }): boolean =>
      queryKey[0] === 'transactions' && queryKey[1] !== ''
    void client.invalidateQueries({ predicate: isFiltered }, gently)
  }
}
