/** What the two services offer each other. Callers and providers are typed from it. */
import { defineErrors } from '@settee/kit'
import { defineContract, method } from '@settee/rpc'

export interface Line {
  readonly sku: string
  readonly quantity: number
}

export interface Order {
  readonly orderId: string
  readonly lines: readonly Line[]
}

export interface Reservation extends Line {
  readonly orderId: string
}

export const inventoryContract = defineContract('demo.Inventory', {
  reserve: method<Reservation, { left: number }>({ timeoutMs: 5000 }),
})

export const ordersContract = defineContract('demo.Orders', {
  place: method<Order, { pieces: number }>({ timeoutMs: 10_000 }),
})

/** How an order can fail for a reason of the shop itself. The code travels with the call. */
export const shopError = defineErrors({
  SHOP_OUT_OF_STOCK: { retryable: false, summary: 'Fewer pieces are left than were ordered.' },
})
