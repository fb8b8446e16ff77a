/** The page for people, made from the list of forms. */
import { dialects, type Cell, type Dialect, type FormGroup } from './form.ts'

const titles: Readonly<Record<Dialect, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL, MariaDB',
  sqlite: 'SQLite',
}

const intro = `# Which SQL AT mode undoes

Inside a global transaction AT mode writes down the rows before and after each statement, so that a
rollback can put them back. This page says for each form of SQL what happens. It is generated from
the list that a test runs against real databases: PostgreSQL 18, MariaDB 10.11 and the SQLite of
Node. Each form that is said to be undone has run, has given the answer of the bare driver, was
rolled back and left every table as it was, to the byte. Outside of global transactions everything
runs as it always does.

## What the cells say

- **undone**: it runs, and a rollback of the global transaction takes all of it back.
- **waits for global locks**: it changes nothing, and waits until no other global transaction holds
  one of the rows that it locks.
- **runs**: it changes nothing, and runs as it does without AT mode.
- **refused**: it does not run. The error says what follows in the cell: why, and what to do.
- **runs, is not undone**: a gap. AT mode does not notice what it writes.
- **–**: this database has no such thing.

PostgreSQL before 18 does not tell the rows before a change: there \`MERGE\`, \`UPDATE … \
WHERE CURRENT
OF\` and \`RETURNING old.…\` are refused or unknown. What MySQL alone has is not tested here.

## What an error looks like

A refusal is an error with the code \`SETTEE_TX_UNSUPPORTED_SQL\`; nothing of the statement stays.
Its message says what was refused, why, and what to do instead:

\`\`\`text
UPDATE account SET id was refused inside a global transaction: the row cannot be \
found again when its primary key changes; insert a new row and delete the old one
\`\`\`

That of SQLite says why, and shows the statement:

\`\`\`text
refused before it ran: it is PRAGMA user_version, which may change the database \
(statement: PRAGMA user_version = 3)
\`\`\`

What is found before the statement runs, as nearly all of it is, leaves the local transaction \
open: it
can go on with something else. In the tables below names such as \`purchase\` are those of the test.

## What to do instead

- Do what the message says: give a table a primary key, name the value, send statements one by one.
- Run it outside of the global transaction, before it begins or after it has ended: changes of the
  schema, maintenance, loading of files.
- Write a TCC or saga branch for it: procedures, and tables that cannot be changed.
`

/** The page as Markdown, formatted as the formatter of the repository does. */
export function renderPage(groups: readonly FormGroup[]): string {
  const sections = groups.map((group) => `## ${group.title}\n\n${renderTable(group)}\n`)
  return [intro, ...sections].join('\n')
}

function renderTable({ forms }: FormGroup): string {
  const head = ['Form', ...dialects.map((dialect) => titles[dialect])]
  const rows = forms.map((form) => [
    form.name,
    ...dialects.map((dialect) => describe(form[dialect])),
  ])
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]!.length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`
  const rule = widths.map((width) => '-'.repeat(width))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

function describe(cell: Cell): string {
  switch (cell.kind) {
    case 'undone':
      return 'undone'
    case 'locking':
      return 'waits for global locks'
    case 'passing':
      return 'runs'
    case 'unnoticed':
      return '**runs, is not undone**'
    case 'refused':
      return `refused: ${[cell.why, cell.instead].filter((part) => part !== undefined).join('; ')}`
    case 'absent':
      return cell.reason === 'no such syntax' ? '–' : cell.reason
  }
}
