/** An application may be named as it likes: another process of it ends what one has begun. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BranchType } from '../../src/protocol/status.ts'
import { ChannelTable, type Channel } from '../../src/server/channel-table.ts'

const ip = '127.0.0.1'

for (const applicationId of ['shop', 'shop:a', 'team:1:shop:fe', 'shop:']) {
  test(`finds another process of "${applicationId}"`, () => {
    const other = { clientId: `${applicationId}:${ip}:2`, applicationId, ip, isOpen: true }
    const channels = new ChannelTable<Channel>()
    channels.add(other, 'tcc')
    const branchType = BranchType.TCC
    const branch = { resourceId: 'tcc', clientId: `${applicationId}:${ip}:1`, branchType }
    assert.equal(channels.find(branch), other)
  })
}
