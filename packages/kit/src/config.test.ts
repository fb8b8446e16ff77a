import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { describeConfig, environmentName, parseConfig, type ConfigSchema } from './config.ts'
import { isSetteeError } from './errors.ts'

const schema = {
  'tx.port': { type: 'port', default: 8091, summary: 'Port of the coordinator.' },
  'tx.store.dir': { type: 'string', default: '', summary: 'Directory of the journal.' },
  'tx.lock-wait': { type: 'durationMs', default: 300, summary: 'Longest wait for a lock.' },
  'journal.segment': { type: 'sizeBytes', default: 1024, summary: 'Size of a segment.' },
  retries: { type: 'integer', default: 3, summary: 'Attempts.' },
  once: { type: 'boolean', default: false, summary: 'Run a bounded workload.' },
} as const satisfies ConfigSchema

function parse(argv: readonly string[], env: Record<string, string> = {}) {
  return parseConfig(schema, { argv, env })
}

test('without flags and environment the defaults hold', () => {
  assert.deepEqual(parse([]), {
    config: {
      'tx.port': 8091,
      'tx.store.dir': '',
      'tx.lock-wait': 300,
      'journal.segment': 1024,
      retries: 3,
      once: false,
    },
    positional: [],
  })
})

test('a flag wins over the environment, the environment over the default', () => {
  const env = { SETTEE_TX_PORT: '1', SETTEE_RETRIES: '7' }
  const { config } = parse(['--tx.port', '2'], env)
  assert.deepEqual([config['tx.port'], config.retries], [2, 7])
})

test('flags take their value behind a space or an equals sign, switches alone', () => {
  const { config, positional } = parse([
    'dev',
    '--tx.store.dir=a=b',
    '--once',
    '--retries',
    '9',
    'x',
  ])
  assert.equal(config['tx.store.dir'], 'a=b')
  assert.equal(config.once, true)
  assert.equal(config.retries, 9)
  assert.deepEqual(positional, ['dev', 'x'])
  assert.equal(parse(['--tx.store.dir=--a']).config['tx.store.dir'], '--a')
  assert.equal(parse(['--once=false'], { SETTEE_ONCE: 'true' }).config.once, false)
})

describe('units', () => {
  const accepted = [
    ['tx.lock-wait', '1500', 1500],
    ['tx.lock-wait', '500ms', 500],
    ['tx.lock-wait', '10s', 10_000],
    ['tx.lock-wait', '5m', 300_000],
    ['tx.lock-wait', '2h', 7_200_000],
    ['tx.lock-wait', '1d', 86_400_000],
    ['journal.segment', '64KiB', 65_536],
    ['journal.segment', '8MiB', 8_388_608],
    ['journal.segment', '1GiB', 1_073_741_824],
    ['tx.port', '0', 0],
    ['tx.port', '65535', 65_535],
  ] as const
  for (const [key, text, value] of accepted) {
    test(`--${key} ${text} is ${value}`, () => {
      assert.equal(parse([`--${key}`, text]).config[key], value)
    })
  }
})

describe('a bad value says which option, which value and what it must be', () => {
  const refused = [
    [['--tx.port', '65536'], /--tx\.port is "65536", but must be a port from 0 to 65535/],
    [['--tx.port', 'http'], /must be a port/],
    [['--retries', '1.5'], /must be a whole number/],
    [['--retries', '-1'], /must be a whole number/],
    [['--retries', '9999999999999999'], /must be a whole number/],
    [['--tx.lock-wait', '5 s'], /must be a duration such as/],
    [['--tx.lock-wait', '5constructor'], /must be a duration such as/],
    [['--tx.lock-wait', '999999999999999d'], /must be a duration such as/],
    [['--journal.segment', '1KB'], /must be a size such as/],
    [['--once=yes'], /must be true or false/],
    [['--tx.store.dir'], /--tx\.store\.dir needs a value: Directory of the journal/],
    [['--tx.store.dir', '--once'], /--tx\.store\.dir needs a value/],
  ] as const
  for (const [argv, message] of refused) {
    test(argv.join(' '), () => {
      assert.throws(
        () => parse(argv),
        (error: Error) =>
          isSetteeError(error, 'SETTEE_CONFIG_BAD_VALUE') && message.test(error.message),
      )
    })
  }
  test('from the environment, by the name of the variable', () => {
    assert.throws(() => parse([], { SETTEE_TX_PORT: 'x' }), /^SetteeError: SETTEE_TX_PORT is "x"/)
  })
})

describe('an unknown option is refused with the nearest name', () => {
  const unknown = [
    ['--tx.prot', /unknown option --tx\.prot; did you mean --tx\.port\?/],
    ['--txstoredir', /did you mean --tx\.store\.dir\?/],
    ['--ones', /did you mean --once\?/],
    ['--completely-different', /--help lists the options/],
    ['--constructor', /unknown option --constructor/],
    ['--__proto__=1', /unknown option --__proto__/],
  ] as const
  for (const [argument, message] of unknown) {
    test(argument, () => {
      assert.throws(
        () => parse([argument]),
        (error: Error) =>
          isSetteeError(error, 'SETTEE_CONFIG_UNKNOWN_KEY') && message.test(error.message),
      )
    })
  }
})

test('a key has one environment variable', () => {
  assert.equal(environmentName('tx.store.dir'), 'SETTEE_TX_STORE_DIR')
  assert.equal(environmentName('tx.lock-wait'), 'SETTEE_TX_LOCK_WAIT')
})

test('the description lists every flag with type, sentence and default', () => {
  const lines = describeConfig(schema).split('\n')
  assert.equal(lines.length, Object.keys(schema).length)
  assert.match(lines[0]!, /^ {2}--tx\.port PORT +Port of the coordinator\. Default: 8091\.$/)
  assert.match(lines[1]!, /Default: none\.$/)
  assert.match(lines[5]!, /^ {2}--once {2,}Run a bounded workload\. Default: false\.$/)
  const columns = lines.map((line, i) => line.indexOf(Object.values(schema)[i]!.summary))
  assert.equal(new Set(columns).size, 1)
})
