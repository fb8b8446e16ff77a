/** Every option of the control plane: key, type, default, and one sentence. */
import type { Config } from '@settee/kit'

export const serverSchema = {
  data: {
    type: 'string',
    default: '',
    summary: 'Folder for the journal; without it state is kept in memory only.',
  },
  'allow-remote': {
    type: 'boolean',
    default: false,
    summary: 'Permits addresses that other machines can reach; http then needs a token.',
  },
  'http.host': {
    type: 'string',
    default: '127.0.0.1',
    summary: 'Address of the console and the HTTP API.',
  },
  'http.port': {
    type: 'port',
    default: 7091,
    summary: 'Port of the console and the HTTP API.',
  },
  'http.console': {
    type: 'boolean',
    default: true,
    summary: 'Whether the web console is built, if need be, and served.',
  },
  'http.token': {
    type: 'string',
    default: '',
    summary: 'Token that every API request must carry; needed beyond loopback.',
  },
  'registry.host': {
    type: 'string',
    default: '127.0.0.1',
    summary: 'Address of the service registry.',
  },
  'registry.port': {
    type: 'port',
    default: 9600,
    summary: 'Port of the service registry (Bolt).',
  },
  'tx.host': {
    type: 'string',
    default: '127.0.0.1',
    summary: 'Address of the transaction coordinator, also part of every xid.',
  },
  'tx.port': {
    type: 'port',
    default: 8091,
    summary: 'Port of the transaction coordinator (Seata protocol).',
  },
} as const

export type ServerConfig = Config<typeof serverSchema>
