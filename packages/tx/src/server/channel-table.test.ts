import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BranchType } from '../protocol/status.ts'
import { ChannelTable, type Channel } from './channel-table.ts'

function channel(applicationId: string, address: string, isOpen = true): Channel {
  const ip = address.slice(0, address.lastIndexOf(':'))
  return { applicationId, ip, clientId: `${applicationId}:${address}`, isOpen }
}

function tableOf(...channels: readonly Channel[]): ChannelTable<Channel> {
  const table = new ChannelTable<Channel>()
  for (const one of channels) table.add(one, 'db')
  return table
}

describe('the channel for the end of a branch', () => {
  const owner = channel('stock', '10.0.0.1:50000')
  const sameHost = channel('stock', '10.0.0.1:50001')
  const sameApplication = channel('stock', '10.0.0.2:50000')
  const otherApplication = channel('order', '10.0.0.1:50002')
  const ranking = [owner, sameHost, sameApplication, otherApplication]
  const branch = { resourceId: 'db', clientId: owner.clientId, branchType: BranchType.AT }

  for (const [best, expected] of ranking.entries()) {
    test(`is ${expected.clientId} when the ${best} better ones are away`, () => {
      const table = tableOf(...ranking.slice(best).toReversed())
      assert.equal(table.find(branch), expected)
    })
  }
  test('is none that is closed', () => {
    assert.equal(tableOf(channel('stock', '10.0.0.1:50000', false)).find(branch), undefined)
  })
  for (const [name, type] of Object.entries(BranchType)) {
    const takesOthers = type === BranchType.AT || type === BranchType.SAGA
    test(`of another application ${takesOthers ? 'serves' : 'does not serve'} ${name}`, () => {
      const found = tableOf(otherApplication).find({ ...branch, branchType: type })
      assert.equal(found, takesOthers ? otherApplication : undefined)
    })
  }
  test('is none when the resource or the connection was removed', () => {
    const table = tableOf(owner, sameHost)
    table.removeResource(owner, 'db')
    assert.equal(table.find(branch), sameHost)
    table.remove(sameHost)
    assert.equal(table.find(branch), undefined)
    assert.deepEqual([...table.resources], [])
    assert.equal(table.resourceCountOf(owner), 0)
  })
  test('knows applications with colons in their names, and addresses of IPv6', () => {
    const v6 = channel('shop:stock', '::1:50000')
    const neighbour = channel('shop:stock', '::1:50001')
    const stranger = channel('shop:stock', '::2:50000')
    const found = tableOf(stranger, neighbour).find({ ...branch, clientId: v6.clientId })
    assert.equal(found, neighbour)
  })
})
