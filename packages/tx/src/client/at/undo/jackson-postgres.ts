/**
 * The objects that PostgreSQL's JDBC driver hands out for types without a class of Java's own, as
 * Jackson writes them.
 *
 * ```
 * {"@class":"org.postgresql.util.PGobject","type":"jsonb","value":"{\"a\": 1}","null":false}
 * {"@class":"org.postgresql.geometric.PGpoint","type":"point","value":"(1.0,2.5)","x":1.0,…}
 * {"@class":"….sql.serial.SerialArray","baseType":4,"baseTypeName":"int4","elements":[1,null]}
 * ```
 *
 * The subclasses of PGobject carry their parts besides, which say nothing that `value` does not.
 * The elements of an array are a pair `[class, elements]` before 2.1.
 */
import type { UndoValue } from './undo-log.ts'

type PresentValue = NonNullable<UndoValue>

export const pgObjectClass = 'org.postgresql.util.PGobject'

/** Types for which the driver has classes that compare their parts, not the text. */
const ownClasses: Readonly<Record<string, string>> = {
  interval: 'org.postgresql.util.PGInterval',
  box: 'org.postgresql.geometric.PGbox',
  circle: 'org.postgresql.geometric.PGcircle',
  line: 'org.postgresql.geometric.PGline',
  lseg: 'org.postgresql.geometric.PGlseg',
  path: 'org.postgresql.geometric.PGpath',
  point: 'org.postgresql.geometric.PGpoint',
  polygon: 'org.postgresql.geometric.PGpolygon',
}

/** The value as JSON. */
export function encodePgObject({ text, databaseType = '' }: PresentValue): string {
  const className = ownClasses[databaseType] ?? pgObjectClass
  const type = JSON.stringify(databaseType)
  return `{"@class":"${className}","type":${type},"value":${JSON.stringify(text)},"null":false}`
}

/**
 * An array as JSON; undefined when an element's text does not belong to its class.
 * @param javaPackage of Seata's `rm.datasource`.
 */
export function encodeArray(
  { databaseType = '', elements }: PresentValue,
  javaPackage: string,
  encodeElement: (element: PresentValue, jdbcType: number) => string | undefined,
): string | undefined {
  if (elements === undefined) return undefined
  const isOld = javaPackage.startsWith('io.')
  const texts: string[] = []
  for (const element of elements.values) {
    // From 2.1 on a Long stands without its class, which the base type tells.
    const isBare = element === null || (element.javaType === 'java.lang.Long' && !isOld)
    const text = isBare ? (element?.text ?? 'null') : encodeElement(element, elements.jdbcType)
    if (text === undefined) return undefined
    texts.push(text)
  }
  const list = `[${texts.join(',')}]`
  return (
    `{"@class":"${javaPackage}.sql.serial.SerialArray","baseType":${elements.jdbcType},` +
    `"baseTypeName":${JSON.stringify(databaseType)},` +
    `"elements":${isOld ? `["[Ljava.lang.Object;",${list}]` : list}}`
  )
}

/**
 * A value from JSON; undefined when it is none of the driver's objects.
 * @param scalar reads an element that is neither null nor an array.
 */
export function decodeDriverObject(
  json: Readonly<Record<string, unknown>>,
  scalar: (json: unknown) => UndoValue | undefined,
): UndoValue | undefined {
  const className = Object.hasOwn(json, '@class') ? json['@class'] : undefined
  if (typeof className !== 'string') return undefined
  const { type, value, elements } = json
  if (/^org\.postgresql\.(util|geometric)\.PG\w+$/.test(className)) {
    if (typeof type !== 'string' || typeof value !== 'string') return undefined
    return { javaType: pgObjectClass, text: value, databaseType: type }
  }
  if (!/^(org\.apache|io)\.seata\.(\w+\.)*SerialArray$/.test(className)) return undefined
  const text = arrayText(elements, scalar)
  return text === undefined ? undefined : { javaType: 'java.lang.String', text }
}

/** The elements as PostgreSQL prints an array, such as `{1,NULL,"a b"}`. */
function arrayText(
  json: unknown,
  scalar: (json: unknown) => UndoValue | undefined,
): string | undefined {
  if (!Array.isArray(json)) return undefined
  const [first, second] = json as unknown[]
  const isPair = typeof first === 'string' && first.startsWith('[L') && Array.isArray(second)
  const texts: string[] = []
  for (const element of (isPair ? second : json) as unknown[]) {
    // A pair of class and value is an array as well.
    const value = scalar(element)
    const isNested = value === undefined && Array.isArray(element)
    const text = isNested ? arrayText(element, scalar) : elementText(value)
    if (text === undefined) return undefined
    texts.push(text)
  }
  return `{${texts.join(',')}}`
}

function elementText(value: UndoValue | undefined): string | undefined {
  if (value === undefined) return undefined
  if (value === null) return 'NULL'
  const { javaType, text } = value
  if (javaType === 'java.lang.Boolean') return text === 'true' ? 't' : 'f'
  if (javaType === 'javax.sql.rowset.serial.SerialBlob') return String.raw`"\\x${text}"`
  const isPlain = /^[^\s{}",\\]+$/.test(text) && text.toUpperCase() !== 'NULL'
  return isPlain ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
