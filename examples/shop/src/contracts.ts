/** What the three services of the shop offer each other. Amounts of money are in cents. */
import { defineContract, method, type Contract, type Method } from '@settee/rpc'

export interface Purchase {
  /** Chosen by the buyer, so that asking twice buys once. */
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  /** How long the account service takes, in ms: lets a purchase run into its timeout. */
  readonly paymentDelayMs: number
}

export interface Deduction {
  readonly orderId: string
  readonly productId: string
  readonly quantity: number
}

export interface Debit {
  readonly orderId: string
  readonly userId: string
  readonly amount: number
  readonly delayMs: number
}

export const orderContract: Contract<{ purchase: Method<Purchase, { amount: number }> }> =
  defineContract('shop.OrderService', {
    purchase: method<Purchase, { amount: number }>({ timeoutMs: 30_000 }),
  })

export const stockContract: Contract<{ deduct: Method<Deduction, { price: number }> }> =
  defineContract('shop.StockService', {
    deduct: method<Deduction, { price: number }>({ timeoutMs: 10_000 }),
  })

export const accountContract: Contract<{ debit: Method<Debit, { balance: number }> }> =
  defineContract('shop.AccountService', {
    debit: method<Debit, { balance: number }>({ timeoutMs: 10_000 }),
  })
