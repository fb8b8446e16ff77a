/** How a purchase can fail for a reason of the shop itself. The codes travel with the calls. */
import { defineErrors, type ErrorFactory } from '@settee/kit'

export const shopErrors = {
  SHOP_OUT_OF_STOCK: { retryable: false, summary: 'Fewer pieces are left than were ordered.' },
  SHOP_BAD_DATABASE: { retryable: false, summary: 'The database cannot be used.' },
  SHOP_NOT_ENOUGH_MONEY: { retryable: false, summary: 'The balance does not cover the amount.' },
} as const

export const shopError: ErrorFactory<keyof typeof shopErrors> = defineErrors(shopErrors)
