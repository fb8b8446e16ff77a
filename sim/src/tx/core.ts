/** The code under test: the package's own modules, or a copy with one deliberate bug. */
import type * as core from '@settee/tx/internal'

export type TxCore = typeof core
