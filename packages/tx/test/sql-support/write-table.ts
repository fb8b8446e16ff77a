/** `node packages/tx/test/sql-support/write-table.ts` writes docs/sql-support.md anew. */
import { writeFileSync } from 'node:fs'
import { formGroups } from './forms.ts'
import { renderPage } from './table.ts'

export const pageUrl: URL = new URL('../../../../docs/sql-support.md', import.meta.url)
export const page: string = renderPage(formGroups)

if (import.meta.main) writeFileSync(pageUrl, page)
