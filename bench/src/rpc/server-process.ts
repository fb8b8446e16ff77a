/** The serving process of one system. */
import { reportReady } from '../harness.ts'
import { loadSystem } from './system.ts'

const system = await loadSystem(process.argv[2]!)
reportReady(await system.serve())
