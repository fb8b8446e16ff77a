/** A titled panel. */
import { useId, type ReactNode } from 'react'

export function Section(props: {
  readonly title: string
  /** Stands beside the title: a count or a remark. */
  readonly aside?: ReactNode
  readonly className?: string
  readonly children: ReactNode
}): ReactNode {
  const id = useId()
  return (
    <section className={`panel ${props.className ?? ''}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside === undefined ? null : <span className="quiet">{props.aside}</span>}
      </div>
      {props.children}
    </section>
  )
}

/** Names and values in pairs; a pair with null is left out. */
export function Facts(props: {
  readonly facts: readonly (readonly [name: string, value: ReactNode])[]
}): ReactNode {
  return (
    <dl className="facts">
      {props.facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
