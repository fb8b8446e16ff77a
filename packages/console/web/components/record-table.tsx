/**
 * A table that becomes a list of cards where it is narrow, from one markup: the style sheet stacks
 * the cells and shows each column's title as a label. The ARIA roles are spelt out because
 * `display: block` takes them off table elements.
 */
import type { ReactNode } from 'react'

export interface Column<Row> {
  readonly key: string
  readonly title: string
  readonly render: (row: Row) => ReactNode
  /** Numbers stand at the end, so that their digits align. */
  readonly align?: 'end'
  /** `lead` is the heading of the card, `wide` takes its whole width. */
  readonly place?: 'lead' | 'wide'
}

export function RecordTable<Row>(props: {
  /** Names the table for those who do not see the heading above it. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowKey: (row: Row) => string
}): ReactNode {
  const { columns, rows } = props
  return (
    <table className="records" role="table" aria-label={props.label}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ key, title, align }) => (
            <th key={key} role="columnheader" scope="col" data-align={align}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={props.rowKey(row)} role="row">
            {columns.map((column) => (
              <RecordCell key={column.key} column={column} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function RecordCell<Row>({ column, row }: { column: Column<Row>; row: Row }): ReactNode {
  const content = column.render(row)
  return (
    <td
      role="cell"
      data-label={column.title}
      data-align={column.align}
      data-place={column.place}
      // A card leaves out what has nothing to say.
      data-empty={content === null || undefined}
    >
      {content}
    </td>
  )
}
