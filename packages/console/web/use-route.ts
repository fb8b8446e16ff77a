/** The address as React state. */
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { formatRoute, parseRoute, type Route } from './router.ts'

export function useRoute(): Route {
  const hash = useSyncExternalStore(watchHash, () => location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

/** Goes to a route; with `replace` the back button does not come back to where it was. */
export function navigate(route: Route, options: { readonly replace?: boolean } = {}): void {
  const hash = formatRoute(route)
  if (options.replace === true) location.replace(hash)
  else location.assign(hash)
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Settee`
  }, [title])
}

function watchHash(onChange: () => void): () => void {
  addEventListener('hashchange', onChange)
  return () => removeEventListener('hashchange', onChange)
}
