/**
 * The words the parser knows, in one open-addressed table that the lexer asks without making a
 * string. A known word comes out as the one interned constant, so that the parser compares it by
 * identity.
 *
 * Reserved is what every server of the family reserves, and a few words without which aliases
 * would be ambiguous. A word that only some servers reserve may be a name here: the server itself
 * refuses it where it must.
 */

/** Words that are no identifiers unless quoted. */
const reservedWords = `
ACCESSIBLE ADD ALL ALTER ANALYZE AND AS ASC ASENSITIVE BEFORE BETWEEN BIGINT BINARY BLOB BOTH BY
CALL CASCADE CASE CHANGE CHAR CHARACTER CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT
CREATE CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DATABASES
DAY_HOUR DAY_MICROSECOND DAY_MINUTE DAY_SECOND DEC DECIMAL DECLARE DEFAULT DELAYED DELETE DESC
DESCRIBE DETERMINISTIC DISTINCT DISTINCTROW DIV DOUBLE DROP DUAL EACH ELSE ELSEIF ENCLOSED ESCAPED
EXCEPT EXISTS EXIT EXPLAIN FALSE FETCH FLOAT FLOAT4 FLOAT8 FOR FORCE FOREIGN FROM FULLTEXT GRANT
GROUP HAVING HIGH_PRIORITY HOUR_MICROSECOND HOUR_MINUTE HOUR_SECOND IF IGNORE IN INDEX INFILE INNER
INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4 INT8 INTEGER INTERSECT INTERVAL INTO IS ITERATE
JOIN KEY KEYS KILL LEADING LEAVE LEFT LIKE LIMIT LINEAR LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK
LONG LONGBLOB LONGTEXT LOOP LOW_PRIORITY MATCH MEDIUMBLOB MEDIUMINT MEDIUMTEXT MIDDLEINT
MINUTE_MICROSECOND MINUTE_SECOND MOD MODIFIES NATURAL NOT NO_WRITE_TO_BINLOG NULL NUMERIC ON
OPTIMIZE OPTION OPTIONALLY OR ORDER OUT OUTER OUTFILE OVER PARTITION PRECISION PRIMARY PROCEDURE
PURGE RANGE READ READS READ_WRITE REAL RECURSIVE REFERENCES REGEXP RELEASE RENAME REPEAT REPLACE
REQUIRE RESIGNAL RESTRICT RETURN RETURNING REVOKE RIGHT RLIKE SCHEMA SCHEMAS SECOND_MICROSECOND
SELECT SENSITIVE SEPARATOR SET SHOW SIGNAL SMALLINT SPATIAL SPECIFIC SQL SQLEXCEPTION SQLSTATE
SQLWARNING SQL_BIG_RESULT SQL_CALC_FOUND_ROWS SQL_SMALL_RESULT SSL STARTING STRAIGHT_JOIN TABLE
TERMINATED THEN TINYBLOB TINYINT TINYTEXT TO TRAILING TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED
UPDATE USAGE USE USING UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES VARBINARY VARCHAR VARCHARACTER VARYING
WHEN WHERE WHILE WITH WRITE XOR YEAR_MONTH ZEROFILL`

/** Words the grammar knows and that are identifiers all the same. */
const contextualWords = `
ACTION AGAINST AGGREGATE ANY ARRAY BEGIN BERNOULLI BOOLEAN BTREE CHAIN CHARSET COLUMNS COMMIT
CONSISTENT COUNT AVG SUM MIN MAX GROUP_CONCAT BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP
STDDEV_SAMP VAR_POP VAR_SAMP VARIANCE JSON_ARRAYAGG JSON_OBJECTAGG CAST EXTRACT TRIM SUBSTRING
SUBSTR MID POSITION WEIGHT_STRING GET_FORMAT TIMESTAMPADD TIMESTAMPDIFF JSON_TABLE JSON_VALUE
CURRENT DATE DATETIME DAY DEALLOCATE DISTINCT DO DUMPFILE DUPLICATE EMPTY END ERROR ESCAPE EVENT
EXAMINED EXCLUDE EXECUTE EXPANSION FIRST FLUSH FOLLOWING FULL FUNCTION GLOBAL GROUPS HANDLER HELP
HISTORY HOUR IGNORE IMMEDIATE IMPORT INDEXES INSTALL INVOKER ISOLATION JSON LANGUAGE LAST LATERAL
LEVEL LOCAL LOCKED LOGS MASTER MEMBER MICROSECOND MIGRATE MINUTE MODE MONTH NAMES NCHAR NEXT NEXTVAL
LASTVAL SETVAL NO NOWAIT NULLS OF OFFSET OJ OLD ONE ONLY OPEN ORDINALITY OTHERS PACKAGE PASSWORD
PATH PERSIST PERSIST_ONLY PHASE PRECEDING PREPARE PREVIOUS QUARTER QUERY QUICK RECOVER RESOURCE
RESPECT RESUME ROLE ROLLBACK ROLLUP ROW ROWS SAVEPOINT SECOND SEQUENCE SERIALIZABLE SERVER SESSION
SHARE SIGNED SKIP SNAPSHOT SOME SOUNDS SQL_BUFFER_RESULT SQL_CACHE SQL_NO_CACHE START STATEMENT
SUSPEND SYSTEM SYSTEM_TIME TABLES TABLESPACE TEMPORARY TIES TIME TIMESTAMP TRANSACTION TRUNCATE TYPE
UNBOUNDED UNCOMMITTED UNINSTALL UNKNOWN USER VALUE VIEW WAIT WEEK WINDOW WORK XA XML YEAR ADDDATE
DATE_ADD DATE_SUB SUBDATE CURDATE CURTIME NOW SYSDATE SESSION_USER SYSTEM_USER LOGFILE INSTANCE
SPATIAL BODY ONLINE OFFLINE DEFINER ALGORITHM UNDEFINED MERGE TEMPTABLE SECURITY EXISTS REPEATABLE
COMMITTED DOUBLE FIXED ENUM BOOL CLOB XMLTYPE INET4 INET6 UUID VECTOR GEOMETRY PERIOD PORTION FORMAT
ATOMIC CYCLE FIELDS`

const tableSize = 2048
const tableWords: string[] = new Array<string>(tableSize).fill('')
const tableReserved = new Uint8Array(tableSize)

for (const word of reservedWords.trim().split(/\s+/)) insert(word, 1)
for (const word of contextualWords.trim().split(/\s+/)) if (findWord(word) < 0) insert(word, 0)

function insert(word: string, isReserved: number): void {
  let hash = 0
  for (let at = 0; at < word.length; at++) hash = hashStep(hash, word.charCodeAt(at))
  let slot = hash & (tableSize - 1)
  while (tableWords[slot] !== '') slot = (slot + 1) & (tableSize - 1)
  tableWords[slot] = word
  tableReserved[slot] = isReserved
}

/** The hash of a word so far and its next code unit; the case of letters makes no difference. */
export function hashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 32)) | 0
}

/** The slot of the word at `start`..`end` of `text`, whose hash is `hash`, or -1. */
export function findKeyword(text: string, start: number, end: number, hash: number): number {
  let slot = hash & (tableSize - 1)
  for (;;) {
    const word = tableWords[slot]!
    if (word === '') return -1
    if (word.length === end - start && isSameWord(text, start, word)) return slot
    slot = (slot + 1) & (tableSize - 1)
  }
}

function isSameWord(text: string, start: number, word: string): boolean {
  for (let at = 0; at < word.length; at++) {
    const code = text.charCodeAt(start + at)
    const upper = code >= 97 && code <= 122 ? code - 32 : code
    if (upper !== word.charCodeAt(at)) return false
  }
  return true
}

export function keywordAt(slot: number): string {
  return tableWords[slot]!
}

export function isReservedAt(slot: number): boolean {
  return tableReserved[slot] === 1
}

function findWord(word: string): number {
  let hash = 0
  for (let at = 0; at < word.length; at++) hash = hashStep(hash, word.charCodeAt(at))
  return findKeyword(word, 0, word.length, hash)
}

/** Whether the parser knows `word`, which is in upper case. */
export function isKnownWord(word: string): boolean {
  return findWord(word) >= 0
}

/** The character sets that an introducer such as `_utf8mb4` can name. */
export const introducerCharsets: ReadonlySet<string> = new Set(
  `armscii8 ascii big5 binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 cp932 dec8 eucjpms euckr
  gb18030 gb2312 gbk geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce
  macroman sjis swe7 tis620 ucs2 ujis utf16 utf16le utf32 utf8 utf8mb3 utf8mb4`
    .trim()
    .split(/\s+/),
)
