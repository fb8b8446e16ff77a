/**
 * A contract: what a service offers, as one typed value that client and server share.
 *
 *     export const accountContract = defineContract('shop.AccountService', {
 *       debit: method<{ user: string; amount: number }, { balance: number }>(),
 *       balanceOf: method<string, number>({ isIdempotent: true, timeoutMs: 500 }),
 *       noted: oneway<{ text: string }>(),
 *     })
 *
 * Types travel from here to both ends without a build step. A Standard Schema (zod, valibot,
 * arktype …) on a method validates what really arrives.
 */
import { rpcError } from './errors.ts'

/** The part of the Standard Schema specification, version 1, that is used here. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>
  }
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: unknown }[] }

export interface MethodOptions<Request, Response> {
  /** True when a call may be carried out twice: only then is it ever sent again. Default false. */
  readonly isIdempotent?: boolean
  /** Longest wait of a caller that says nothing itself, in ms. Default 3000. */
  readonly timeoutMs?: number
  /** Checked by the server before its handler runs. */
  readonly request?: StandardSchema<Request>
  /** Checked by the client before it hands the result on. */
  readonly response?: StandardSchema<Response>
}

export interface Method<Request, Response> {
  readonly isOneway: boolean
  readonly isIdempotent: boolean
  readonly timeoutMs: number
  readonly requestSchema: StandardSchema<unknown> | undefined
  readonly responseSchema: StandardSchema<unknown> | undefined
  /** Carries the types; never set. */
  readonly types?: (request: Request) => Response
}

/** Any method, as a constraint. */
export type AnyMethod = Method<never, unknown>

export interface Contract<Methods extends Readonly<Record<string, AnyMethod>>> {
  /** `interface:version[:uniqueId]`, the name on the wire and, with `@DEFAULT`, in the registry. */
  readonly serviceName: string
  readonly methods: Methods
}

export interface ContractOptions {
  /** Default `1.0`, as in SOFARPC. */
  readonly version?: string
  /** Tells apart several services of one interface and version. */
  readonly uniqueId?: string
}

const defaultTimeoutMs = 3000

/** A method that answers. */
export function method<Request, Response>(
  options: MethodOptions<Request, Response> = {},
): Method<Request, Response> {
  return {
    isOneway: false,
    isIdempotent: options.isIdempotent ?? false,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    requestSchema: options.request,
    responseSchema: options.response,
  }
}

/** A method that nobody waits for: the call resolves when it is on its way. */
export function oneway<Request>(
  options: Pick<MethodOptions<Request, void>, 'request'> = {},
): Method<Request, void> {
  return {
    isOneway: true,
    isIdempotent: false,
    timeoutMs: defaultTimeoutMs,
    requestSchema: options.request,
    responseSchema: undefined,
  }
}

/**
 * @param interfaceName such as `shop.AccountService`; a Java peer uses its interface's full name.
 * @throws SETTEE_RPC_BAD_CONTRACT.
 */
export function defineContract<const Methods extends Readonly<Record<string, AnyMethod>>>(
  interfaceName: string,
  methods: Methods,
  options: ContractOptions = {},
): Contract<Methods> {
  const parts = [interfaceName, options.version ?? '1.0', options.uniqueId ?? '']
  if (interfaceName === '' || parts.some((part) => /[:@#\s]/.test(part))) {
    throw rpcError(
      'SETTEE_RPC_BAD_CONTRACT',
      `${JSON.stringify(parts.join(' '))} cannot name a service: interface name, version and ` +
        'unique id must not contain ":", "@", "#" or spaces',
    )
  }
  return { serviceName: parts.filter((part) => part !== '').join(':'), methods }
}

/** The result of a schema, or a typed error that says what does not fit. */
export async function validate(
  schema: StandardSchema<unknown>,
  value: unknown,
  code: 'SETTEE_RPC_BAD_ARGUMENT' | 'SETTEE_RPC_BAD_RESULT',
  where: string,
): Promise<unknown> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 5).map((issue) => {
    const path = Array.isArray(issue.path) ? issue.path.map(pathKey).join('.') : ''
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  throw rpcError(code, `${where}: ${issues.join('; ')}`)
}

/** A path segment is a key or an object with one. */
function pathKey(segment: unknown): string {
  return typeof segment === 'object' && segment !== null && 'key' in segment
    ? String(segment.key)
    : String(segment)
}
