/**
 * A process of an application: the client's own transaction and resource managers on simulated
 * connections, and its databases under AT, TCC, XA and saga.
 */
import { runWithContext } from '@settee/kit'
import type { BranchPort, ResourceManager, TransactionManager } from '@settee/tx/internal'
import { MessageType } from '@settee/tx/protocol'
import type { Chance } from '../world/chance.ts'
import { SimulatedProcess } from '../world/simulated-process.ts'
import { createAtResource, type AtResource } from './at-resource.ts'
import type { CoordinatorNode } from './coordinator-node.ts'
import type { SimulatedDatabase } from './database.ts'
import type { Leg } from './plan.ts'
import { createSagaResource, type SagaResource } from './saga-resource.ts'
import { SimulatedLink } from './simulated-link.ts'
import { createTccResource, type TccResource } from './tcc-resource.ts'
import type { World } from './world.ts'
import { createXaResource, type XaResource } from './xa-resource.ts'

const requestTimeoutMs = 3000
const group = 'bank_group'

export interface ApplicationOptions {
  readonly applicationId: string
  readonly name: string
  readonly coordinator: CoordinatorNode
  /** All databases; each process serves all of them. */
  readonly databases: readonly SimulatedDatabase[]
  readonly chance: Chance
  readonly isForwardOnly: (xid: string) => boolean
}

/** One life of the process. */
interface Life {
  readonly manager: TransactionManager
  readonly at: readonly AtResource[]
  readonly tcc: readonly TccResource[]
  readonly xa: readonly XaResource[]
  readonly saga: SagaResource
}

export class ApplicationNode {
  readonly process: SimulatedProcess
  readonly #world: World
  readonly #options: ApplicationOptions
  #life: Life

  constructor(world: World, options: ApplicationOptions) {
    this.#world = world
    this.#options = options
    this.process = new SimulatedProcess(options.name, world.queue)
    this.#life = this.#start()
  }

  get manager(): TransactionManager {
    return this.#life.manager
  }
  get saga(): SagaResource {
    return this.#life.saga
  }

  /** Dies at once, with whatever its transactions were doing. */
  crash(downMs: number): void {
    if (!this.process.isAlive) return
    const { queue, network, trace } = this.#world
    this.process.kill()
    trace.add('', `${this.process.name} dies`)
    network.processDied(this.process)
    for (const database of this.#options.databases) database.processDied(this.process)
    queue.after(downMs, () => {
      this.process.restart()
      trace.add('', `${this.process.name} is up`)
      this.#life = this.#start()
    })
  }

  /** Phase one of one leg, in the context of its transaction. */
  runLeg(xid: string, leg: Leg, lockWaitMs: number): Promise<void> {
    const { at, tcc, xa } = this.#life
    const { database, postings, mode } = leg
    return runWithContext({ xid }, () => {
      if (mode === 'AT') return (at[database] as AtResource).run(xid, postings, lockWaitMs)
      const resource = (mode === 'TCC' ? tcc : xa)[database] as TccResource | XaResource
      return resource.run(xid, postings[0] as Leg['postings'][number])
    })
  }

  #start(): Life {
    const { core } = this.#world
    const { applicationId, chance, databases, isForwardOnly } = this.#options
    const { process } = this
    const identity = {
      version: '2.6.0',
      applicationId,
      transactionServiceGroup: group,
      extraData: '',
    }
    const place = { process, random: chance.random }
    const managerLink = new SimulatedLink({
      ...place,
      registration: () => ({ type: MessageType.RegisterTM, ...identity }),
      dial: (client) => this.#options.coordinator.accept(client, process),
    })
    const resourceLink: SimulatedLink = new SimulatedLink({
      ...place,
      registration: () => ({
        type: MessageType.RegisterRM,
        ...identity,
        resourceIds: resources.resourceIds,
      }),
      onRequest: (message, requestId, frameType, peer) =>
        resources.onRequest(message, requestId, frameType, peer),
      dial: (client) => this.#options.coordinator.accept(client, process),
    })
    const resources: ResourceManager = new core.ResourceManager(resourceLink.asCoordinatorLink(), {
      requestTimeoutMs,
      onWarning: () => {},
    })
    const port = this.#watch(resources)
    const { trace, monitor } = this.#world
    const at = databases.map((database) =>
      createAtResource({
        core,
        database,
        port,
        ...place,
        onDirty: (xid, text) => monitor.fail('no dirty rows at rollback', text, xid),
      }),
    )
    const onContradiction = (xid: string, text: string): void => {
      monitor.fail('a branch ends once', text, xid)
    }
    const tcc = databases.map((database) =>
      createTccResource({ process, database, port, onContradiction }),
    )
    const xa = databases.map((database) => createXaResource({ process, database, port }))
    const saga = createSagaResource({
      resourceId: `${applicationId}#${group}`,
      process,
      database: databases[0] as SimulatedDatabase,
      isForwardOnly,
    })
    for (const resource of [...at, ...tcc, ...xa, saga]) resources.add(resource)
    managerLink.register()
    trace.add('', `${process.name} connects`)
    const manager = new core.TransactionManager(managerLink.asCoordinatorLink(), {
      requestTimeoutMs,
      beginTimeoutMs: 4000,
      endTimeoutMs: 120_000,
    })
    return { manager, at, tcc, xa, saga }
  }

  /** The port through which databases register, watched by the judge. */
  #watch(resources: ResourceManager): BranchPort {
    const { monitor, trace } = this.#world
    return {
      registerBranch: async (registration) => {
        const { xid, resourceId, lockKeys } = registration
        const branchId = await resources.registerBranch(registration)
        trace.add(xid, `branch ${branchId} of ${resourceId} is registered: ${lockKeys}`)
        monitor.onRegistered(xid, { branchId: Number(branchId), resourceId, lockKeys })
        return branchId
      },
      reportBranch: (xid, branch) => {
        trace.add(xid, `branch ${branch.branchId} is reported with status ${branch.status}`)
        return resources.reportBranch(xid, branch)
      },
      isLockable: (xid, resourceId, lockKeys) => resources.isLockable(xid, resourceId, lockKeys),
    }
  }
}
