/**
 * What is bought in a run: mostly purchases that succeed, about a fifth that the account service
 * must refuse or that take too long. The same seed gives the same purchases.
 */
import { createSeededRandom } from '@settee/kit'
import type { Purchase } from './contracts.ts'
import type { ServiceName } from './services/main.ts'

const productCount = 40
const userCount = 60
const startQuantity = 1_000_000
const startBalance = 100_000_000
/** A poor user cannot pay anything. */
const poorUserCount = 10
/** More than a purchase may take, in ms. */
const slowPaymentMs = 6000

/** Of 40 purchases one is too slow and seven cannot be paid. */
const cycleLength = 40
const slowPerCycle = 1
const poorPerCycle = 7

export function makePurchase(number: number, seed: number): Purchase {
  const random = createSeededRandom(seed * 1_000_003 + number)
  const place = number % cycleLength
  const isSlow = place < slowPerCycle
  const isPoor = !isSlow && place < slowPerCycle + poorPerCycle
  // Slow purchases keep their rows for seconds: they have rows of their own.
  const row = isSlow ? `slow-${Math.floor(number / cycleLength) % productCount}` : undefined
  return {
    orderId: `order-${seed}-${number}`,
    userId:
      row ?? (isPoor ? `poor-${random.below(poorUserCount)}` : `user-${random.below(userCount)}`),
    productId: row ?? `product-${random.below(productCount)}`,
    quantity: 1 + random.below(5),
    paymentDelayMs: isSlow ? slowPaymentMs : 0,
  }
}

/** SQL that fills the shop. */
export const seedSql: Readonly<Record<ServiceName, string>> = {
  order: '',
  stock: insertAll('stock', [
    ...rowsOf('product', productCount, (i) => `${100 + i * 10}, ${startQuantity}`),
    ...rowsOf('slow', productCount, () => `100, ${startQuantity}`),
  ]),
  account: insertAll('accounts', [
    ...rowsOf('user', userCount, () => String(startBalance)),
    ...rowsOf('slow', productCount, () => String(startBalance)),
    ...rowsOf('poor', poorUserCount, () => '0'),
  ]),
}

export const startTotals: { readonly quantity: number; readonly balance: number } = {
  quantity: 2 * productCount * startQuantity,
  balance: (userCount + productCount) * startBalance,
}

function rowsOf(name: string, count: number, values: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => `('${name}-${i}', ${values(i)})`)
}

function insertAll(table: string, rows: readonly string[]): string {
  return `INSERT INTO ${table} VALUES ${rows.join(', ')}`
}
