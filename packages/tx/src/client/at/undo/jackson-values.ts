/**
 * Column values in Jackson's form. A class that JSON does not imply stands beside the value.
 *
 * | class | JSON | `text` of the value |
 * |---|---|---|
 * | Boolean, Integer, String | as is | `true` or `false`; digits; the string |
 * | Double | `1.5`, `5.0`; `[class,"NaN"]` | `1.5`, `5`; `NaN`, `Infinity`, `-Infinity` |
 * | Float | `[class,1.5]` | as Double |
 * | Long, BigInteger, BigDecimal | `[class,digits]`, never through a binary number | the digits |
 * | Date | `[class,ms]` | `2024-02-29` |
 * | Time | `[class,"23:59:59"]` | the string |
 * | Timestamp, LocalDateTime | `[class,[ms,nanos]]`, `[class,ms]` | `2024-02-29 23:59:59.123456` |
 * | SerialBlob | `[class,base64]`, `["[B",base64]` for BINARY columns | lower-case hexadecimal |
 * | SerialClob, UUID | `[class,string]` | the string |
 * | PGobject | see jackson-postgres.ts | as PostgreSQL prints it |
 *
 * A timestamp of whole seconds is `[class,ms]`.
 *
 * Java knows no date without a time zone, so dates and timestamps count as UTC: a Java peer that
 * shares the database must run in UTC too. A date that Java's calendar cannot hold exactly (such
 * as `infinity` or a year BC) belongs into the log as a String.
 */
import {
  decodeDriverObject,
  encodeArray,
  encodePgObject,
  pgObjectClass,
} from './jackson-postgres.ts'
import { bytesText, dateText, epochMs, timestampText } from './jackson-time.ts'
import type { UndoValue } from './undo-log.ts'

type PresentValue = NonNullable<UndoValue>
type JavaType = Exclude<PresentValue['javaType'], typeof pgObjectClass | 'java.sql.Array'>

/** A number as it stands in the text, because a binary number would lose digits. */
export class NumberToken {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

/** Both functions return undefined for what is no value of the class. */
interface ValueCodec {
  /** The text as JSON, without the class. */
  encode(text: string): string | undefined
  decode(json: unknown): string | undefined
}

/**
 * The value as JSON; undefined when its text does not belong to its class.
 * @param javaPackage of Seata's `rm.datasource`.
 */
export function encodeJacksonValue(
  value: PresentValue,
  jdbcType: number,
  javaPackage: string,
): string | undefined {
  const { javaType, text } = value
  if (javaType === pgObjectClass) return encodePgObject(value)
  if (javaType === 'java.sql.Array') {
    return encodeArray(value, javaPackage, (element, elementType) =>
      encodeJacksonValue(element, elementType, javaPackage),
    )
  }
  const json = codecs[javaType].encode(text)
  if (json === undefined) return undefined
  const isBare = bareClasses.has(javaType) && !notFinite.has(text)
  if (isBare || javaType === 'java.lang.String') return json
  const isByteArray = javaType === blobClass && byteArrayTypes.has(jdbcType)
  return `["${isByteArray ? '[B' : javaType}",${json}]`
}

/** A value from JSON whose numbers are {@link NumberToken}s; undefined when it is none. */
export function decodeJacksonValue(json: unknown): UndoValue | undefined {
  if (json === null) return null
  if (typeof json === 'string') return { javaType: 'java.lang.String', text: json }
  if (typeof json === 'boolean') return { javaType: 'java.lang.Boolean', text: String(json) }
  if (json instanceof NumberToken) return decodeBareNumber(json.source)
  if (typeof json === 'object' && !Array.isArray(json)) {
    return decodeDriverObject(json as Readonly<Record<string, unknown>>, decodeJacksonValue)
  }
  if (!Array.isArray(json) || json.length !== 2) return undefined
  const [className, content] = json as [unknown, unknown]
  const javaType = typeof className === 'string' ? classes.get(className) : undefined
  if (javaType === undefined) return undefined
  const text = codecs[javaType].decode(content)
  return text === undefined ? undefined : { javaType, text }
}

const blobClass = 'javax.sql.rowset.serial.SerialBlob'

/** Classes that JSON implies. */
const bareClasses: ReadonlySet<string> = new Set([
  'java.lang.Boolean',
  'java.lang.Integer',
  'java.lang.Double',
])

/** java.sql.Types whose values the JDBC drivers hand out as byte[] and not as Blob; -7 is BIT. */
const byteArrayTypes: ReadonlySet<number> = new Set([-2, -3, -4, -7])

const notFinite: ReadonlySet<unknown> = new Set(['NaN', 'Infinity', '-Infinity'])

const numberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const integerPattern = /^-?(0|[1-9]\d*)$/

const string: ValueCodec = {
  encode: (text) => JSON.stringify(text),
  decode: (json) => (typeof json === 'string' ? json : undefined),
}

const integer: ValueCodec = {
  encode: (text) => (integerPattern.test(text) ? text : undefined),
  decode: (json) =>
    json instanceof NumberToken && integerPattern.test(json.source) ? json.source : undefined,
}

/** Written so that a reader cannot take it for an integer: `5` becomes `5.0`. */
const float: ValueCodec = {
  encode(text) {
    if (notFinite.has(text)) return `"${text}"`
    if (!numberPattern.test(text)) return undefined
    return integerPattern.test(text) ? `${text}.0` : text
  },
  decode(json) {
    if (json instanceof NumberToken) return withoutZeroFraction(json.source)
    return typeof json === 'string' && notFinite.has(json) ? json : undefined
  },
}

const timestamp: ValueCodec = {
  encode(text) {
    const instant = epochMs(text)
    if (instant === undefined) return undefined
    const { ms, nanos } = instant
    if (timestampText(ms, nanos) !== text) return undefined
    return nanos === 0 ? String(ms) : `[${ms},${nanos}]`
  },
  decode(json) {
    const [ms, nanos] = Array.isArray(json) && json.length === 2 ? (json as unknown[]) : [json]
    if (!(ms instanceof NumberToken)) return undefined
    if (nanos === undefined) return timestampText(Number(ms.source))
    return nanos instanceof NumberToken
      ? timestampText(Number(ms.source), Number(nanos.source))
      : undefined
  },
}

const codecs: Readonly<Record<JavaType, ValueCodec>> = {
  'java.lang.Boolean': {
    encode: (text) => (text === 'true' || text === 'false' ? text : undefined),
    decode: (json) => (typeof json === 'boolean' ? String(json) : undefined),
  },
  'java.lang.Integer': integer,
  'java.lang.Long': integer,
  'java.math.BigInteger': integer,
  'java.lang.Float': float,
  'java.lang.Double': float,
  'java.lang.String': string,
  'java.util.UUID': string,
  'javax.sql.rowset.serial.SerialClob': string,
  'java.math.BigDecimal': {
    encode: (text) => (numberPattern.test(text) ? text : undefined),
    decode: (json) => (json instanceof NumberToken ? json.source : undefined),
  },
  'java.sql.Date': {
    encode(text) {
      const ms = epochMs(text)?.ms
      return ms !== undefined && dateText(ms) === text ? String(ms) : undefined
    },
    decode(json) {
      if (typeof json === 'string') return epochMs(json) === undefined ? undefined : json
      return json instanceof NumberToken ? dateText(Number(json.source)) : undefined
    },
  },
  'java.sql.Time': {
    encode: (text) => string.encode(text),
    decode(json) {
      if (typeof json === 'string') return json
      return json instanceof NumberToken ? timestampText(Number(json.source))?.slice(11) : undefined
    },
  },
  'java.sql.Timestamp': timestamp,
  'java.time.LocalDateTime': timestamp,
  'javax.sql.rowset.serial.SerialBlob': {
    encode: (text) =>
      /^([\da-f]{2})*$/.test(text) ? `"${Buffer.from(text, 'hex').toString('base64')}"` : undefined,
    decode: (json) => (typeof json === 'string' ? bytesText(json) : undefined),
  },
}

/** Class names as they are read: drivers hand out some that differ from Settee's choice. */
const classes: ReadonlyMap<string, JavaType> = new Map([
  ...(Object.keys(codecs) as JavaType[]).map((name) => [name, name] as const),
  ['java.lang.Byte', 'java.lang.Integer'],
  ['java.lang.Short', 'java.lang.Integer'],
  ['[B', blobClass],
])

/** A number without a class: Jackson writes Integer and Double so. */
function decodeBareNumber(source: string): UndoValue {
  if (!integerPattern.test(source)) {
    return { javaType: 'java.lang.Double', text: withoutZeroFraction(source) }
  }
  const isInt = (Number(source) | 0) === Number(source)
  return { javaType: isInt ? 'java.lang.Integer' : 'java.lang.Long', text: source }
}

function withoutZeroFraction(source: string): string {
  return source.endsWith('.0') ? source.slice(0, -2) : source
}
