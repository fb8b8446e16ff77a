/**
 * Statements of every form the parser claims to understand: what OLTP code, query builders and
 * object mappers send, and the corners of the grammar. The acceptance test gives each its kind;
 * the differential test asks a real server about each.
 */
import type { MysqlStatement } from './index.ts'

export interface CorpusEntry {
  readonly sql: string
  readonly kind: MysqlStatement['kind']
  /** MySQL only: MariaDB 10.11 refuses it, for this reason. */
  readonly mysqlOnly?: string
}

type Corpus = Readonly<Partial<Record<MysqlStatement['kind'], readonly string[]>>>

const corpus: Corpus = {
  insert: [
    'INSERT INTO account VALUES (1, 2, 3)',
    'INSERT account VALUES (1)',
    'INSERT INTO account (id, owner, balance) VALUES (?, ?, ?)',
    'INSERT INTO `account` (`id`,`owner`) VALUES (DEFAULT,?),(DEFAULT,?),(DEFAULT,?)',
    'INSERT INTO account () VALUES ()',
    'INSERT INTO account () VALUES (), ()',
    'INSERT INTO account VALUES ()',
    'INSERT INTO account (id) VALUE (1)',
    'INSERT INTO bank.account (account.id, bank.account.owner) VALUES (1, 2)',
    'INSERT INTO account SET id = 1, owner = ?, balance = DEFAULT',
    'INSERT INTO account SET balance = DEFAULT(balance) + 1',
    'INSERT LOW_PRIORITY IGNORE INTO account (id) VALUES (1)',
    'INSERT HIGH_PRIORITY INTO account (id) VALUES (1)',
    'INSERT DELAYED INTO account (id) VALUES (1)',
    'INSERT IGNORE account (id) VALUES (1)',
    'INSERT INTO account PARTITION (p0, p1) (id) VALUES (1)',
    'INSERT INTO account (id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE n = n + 1',
    'INSERT INTO account (id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n = VALUES(n), id = ' +
      'LAST_INSERT_ID(id)',
    'INSERT INTO account (id, n) VALUES (1, 2) ON DUPLICATE KEY UPDATE n = VALUE(n)',
    'INSERT INTO account (id, n) VALUES (1, 2) ON DUPLICATE KEY UPDATE account.n = DEFAULT, id ' +
      '= id',
    'INSERT INTO archive SELECT * FROM account WHERE closed_at < NOW() - INTERVAL 1 YEAR',
    'INSERT INTO archive (id, owner) SELECT id, owner FROM account FOR UPDATE',
    'INSERT INTO archive (SELECT * FROM account)',
    'INSERT INTO archive (id) (SELECT id FROM account) UNION ALL (SELECT id FROM closed)',
    'INSERT INTO archive WITH old AS (SELECT * FROM account) SELECT * FROM old',
    'INSERT INTO archive SELECT a.* FROM account a JOIN owner o ON o.id = a.owner ON DUPLICATE ' +
      'KEY UPDATE n = a.n',
    'INSERT INTO archive (id, n) SELECT id, COUNT(*) FROM t GROUP BY id ON DUPLICATE KEY ' +
      'UPDATE n = VALUES(n)',
    'INSERT INTO account (id) VALUES (1) RETURNING id, balance + 1 AS next',
    'INSERT INTO account (id) VALUES (1) RETURNING *',
    'INSERT INTO archive SELECT 1 RETURNING id',
    "INSERT INTO note (text, bytes, flag) VALUES ('it''s', x'00ff', b'1')",
    'INSERT INTO note (n) VALUES (-1), (+2), (- - 3), (1.5e-3), (.5), (5.)',
    "INSERT INTO note (at, uid) VALUES (CURRENT_TIMESTAMP(6), UUID()), (NOW(3), 'x')",
    'INSERT INTO note (n) VALUES ((SELECT MAX(n) + 1 FROM counter))',
    'INSERT INTO note (j) VALUES (JSON_OBJECT(\'a\', 1, "b", JSON_ARRAY(1, 2)))',
    'insert into `user`(`id`,`created_at`,`name`) values (default, default, ?)',
    'INSERT INTO `users` (`id`,`name`,`createdAt`) VALUES (DEFAULT,?,?);',
    "INSERT INTO `User` (`name`) VALUES ('a\\'b\\\\c\\n')",
    'insert into `entry` (`amount`, `kind`, `owner_id`) select ?, ?, ? from dual where not ' +
      'exists (select 1 from `entry` where `key` = ?)',
    'insert ignore into `tag` (`name`) values (?), (?), (?) on duplicate key update ' +
      '`tag`.`count` = `tag`.`count` + values(`count`)',
    "INSERT INTO `log` (`level`,`at`,`text`) VALUES ('info','2026-01-31 10:00:00.123','a " +
      "\\'quoted\\' text'),('warn',NULL,'x')",
    'INSERT INTO t (a) VALUES (NEXT VALUE FOR s), (NEXTVAL(s)), (PREVIOUS VALUE FOR s)',
  ],
  replace: [
    'REPLACE INTO account VALUES (1, 2)',
    'REPLACE account (id, n) VALUES (?, ?), (?, ?)',
    'REPLACE LOW_PRIORITY INTO account SET id = 1, n = 2',
    'REPLACE DELAYED INTO account (id) VALUES (1)',
    'REPLACE INTO account (id) SELECT id FROM t',
    'REPLACE INTO account PARTITION (p1) VALUES (1)',
    'REPLACE INTO account (id) VALUES (1) RETURNING id',
  ],
  update: [
    'UPDATE account SET balance = balance - ? WHERE id = ?',
    'UPDATE account SET balance = balance - ?, version = version + 1 WHERE id = ? AND version = ?',
    'UPDATE `account` SET `owner` = ? WHERE `account`.`id` = ?',
    'UPDATE bank.account AS a SET a.n = DEFAULT, n2 = DEFAULT(n2)',
    'UPDATE account a SET n = 1 ORDER BY id DESC, n LIMIT 10',
    'UPDATE LOW_PRIORITY IGNORE account SET n = n + 1 LIMIT ?',
    'UPDATE account PARTITION (p0) SET n = 1',
    'UPDATE account a, owner o SET a.n = o.n, o.n = 0 WHERE a.owner = o.id',
    'UPDATE account a JOIN owner o ON o.id = a.owner SET a.n = o.n WHERE o.name LIKE ?',
    'UPDATE account a LEFT JOIN owner o USING (id) SET a.n = 1 WHERE o.id IS NULL',
    'UPDATE account a INNER JOIN (SELECT id, SUM(n) s FROM entry GROUP BY id) e ON e.id = a.id ' +
      'SET a.n = e.s',
    'UPDATE (account a JOIN owner o ON a.owner = o.id) SET a.n = 1',
    'UPDATE account SET n = (SELECT MAX(n) FROM entry WHERE entry.id = account.id) WHERE id IN ' +
      '(SELECT id FROM t)',
    'UPDATE account SET n = CASE id WHEN 1 THEN ? WHEN 2 THEN ? ELSE n END WHERE id IN (1, 2)',
    'UPDATE account USE INDEX (PRIMARY) SET n = 1 WHERE id = 1',
    "UPDATE account SET doc = JSON_SET(doc, '$.a', ?)",
    'UPDATE account SET a := 1, b = @x := 2',
    'update `stock` as `s` inner join `order_line` as `l` on `l`.`sku` = `s`.`sku` set ' +
      '`s`.`quantity` = `s`.`quantity` - `l`.`quantity` where `l`.`order_id` = ?',
    'UPDATE t1, (SELECT id, MAX(n) AS n FROM t2 GROUP BY id) AS m SET t1.n = m.n WHERE t1.id = ' +
      'm.id AND t1.n < m.n',
    'UPDATE counter SET value = LAST_INSERT_ID(value + ?) WHERE name = ?',
    'update `user` set `name` = ?, `updated_at` = CURRENT_TIMESTAMP where `id` in (?, ?, ?)',
    "UPDATE `Users` SET `name`=?,`updatedAt`=? WHERE `id` = ? AND (`deletedAt` > '2026-01-01 " +
      "00:00:00' OR `deletedAt` IS NULL)",
  ],
  delete: [
    'DELETE FROM account WHERE id = ?',
    'DELETE FROM account',
    'DELETE LOW_PRIORITY QUICK IGNORE FROM bank.account WHERE n < 0 ORDER BY id LIMIT 5',
    'DELETE FROM account PARTITION (p0, p1) WHERE id = 1',
    'DELETE a FROM account AS a WHERE a.id = 1',
    'DELETE a, o FROM account a JOIN owner o ON a.owner = o.id WHERE o.id = ?',
    'DELETE a.*, bank.o.* FROM account a, bank.o WHERE a.id = o.id',
    'DELETE FROM a, o USING account a INNER JOIN owner o ON a.owner = o.id',
    'DELETE FROM a.* USING account AS a WHERE a.id = 1',
    'DELETE FROM account WHERE EXISTS (SELECT 1 FROM closed c WHERE c.id = account.id)',
    'DELETE FROM account WHERE id IN (SELECT id FROM (SELECT id FROM account LIMIT 5) AS x)',
    'DELETE FROM account WHERE id = 1 RETURNING id, n',
    'DELETE FROM `Users` WHERE `id` IN (1, 2, 3) LIMIT 10',
    'delete from `session` where `expires` < now()',
    'delete `c` from `cart` as `c` left join `user` as `u` on `u`.`id` = `c`.`user_id` where ' +
      '`u`.`id` is null',
    'DELETE FROM job WHERE state = ? AND locked_until < UTC_TIMESTAMP(3) ORDER BY priority ' +
      'DESC, id LIMIT ?',
  ],
  select: [
    'SELECT 1',
    'SELECT * FROM account WHERE id = ? FOR UPDATE',
    'SELECT 1 FROM DUAL',
    'SELECT 1 FROM DUAL WHERE 1 = 1',
    'SELECT DISTINCT owner FROM account',
    'SELECT SQL_CALC_FOUND_ROWS DISTINCT a FROM t LIMIT 10',
    'SELECT ALL HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BUFFER_RESULT SQL_NO_CACHE a ' +
      'FROM t',
    'SELECT a AS b, c d, e AS `f g`, h "i", j AS \'k\' FROM t',
    'SELECT *, a FROM t',
    'SELECT t.*, db.u.*, a FROM t, db.u',
    'SELECT id FROM account LIMIT 10',
    'SELECT id FROM account LIMIT ?, ?',
    'SELECT id FROM account LIMIT ? OFFSET ?',
    'SELECT id FROM account ORDER BY id OFFSET 5 ROWS FETCH FIRST 10 ROWS ONLY',
    'SELECT id FROM account ORDER BY id FETCH NEXT ROW WITH TIES',
    'SELECT id FROM account LIMIT ROWS EXAMINED 100',
    'SELECT id FROM account LIMIT 5 ROWS EXAMINED 100',
    'SELECT id FROM account WHERE id = 1 LOCK IN SHARE MODE',
    'SELECT id FROM account FOR UPDATE NOWAIT',
    'SELECT id FROM account FOR UPDATE SKIP LOCKED',
    'SELECT id FROM account FOR UPDATE WAIT 5',
    'SELECT id FROM account LOCK IN SHARE MODE NOWAIT',
    'SELECT owner, COUNT(*), SUM(DISTINCT n), AVG(n) FROM account GROUP BY owner HAVING ' +
      'COUNT(*) > 1 ORDER BY 2 DESC',
    'SELECT a, b, COUNT(*) FROM t GROUP BY a ASC, b WITH ROLLUP',
    "SELECT GROUP_CONCAT(DISTINCT a, b ORDER BY a DESC, b SEPARATOR ';') FROM t",
    'SELECT GROUP_CONCAT(a LIMIT 3), GROUP_CONCAT(a ORDER BY a LIMIT 1, 2) FROM t',
    'SELECT a FROM t JOIN u ON t.id = u.id',
    'SELECT a FROM t LEFT JOIN u USING (id, id2) RIGHT OUTER JOIN v ON v.id = u.id',
    'SELECT a FROM t NATURAL JOIN u NATURAL LEFT OUTER JOIN v',
    'SELECT a FROM t CROSS JOIN u STRAIGHT_JOIN v ON v.id = u.id',
    'SELECT a FROM t JOIN u JOIN v ON u.id = v.id ON t.id = u.id',
    'SELECT a FROM t LEFT JOIN u JOIN v ON u.id = v.id ON t.id = u.id',
    'SELECT a FROM t LEFT JOIN (u CROSS JOIN v) ON t.id = u.id AND t.id = v.id',
    'SELECT a FROM (t, u)',
    'SELECT a FROM (t JOIN u ON t.id = u.id), v',
    'SELECT a FROM {OJ t LEFT OUTER JOIN u ON t.id = u.id}',
    'SELECT a FROM t USE INDEX (i1, i2) IGNORE INDEX FOR ORDER BY (i3), u FORCE KEY FOR JOIN ' +
      '(PRIMARY)',
    'SELECT a FROM t AS x USE INDEX () WHERE x.a = 1',
    'SELECT a FROM t PARTITION (p0) AS x',
    'SELECT a FROM (SELECT 1 AS a) AS d',
    'SELECT a FROM (SELECT 1 AS a UNION SELECT 2) d JOIN t ON t.id = d.a',
    'SELECT a FROM ((SELECT 1 AS a) UNION (SELECT 2)) d',
    "SELECT x.a FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01 00:00:00' AS x",
    'SELECT a FROM t FOR SYSTEM_TIME ALL',
    'SELECT a FROM t FOR SYSTEM_TIME BETWEEN ? AND NOW()',
    'SELECT a UNION SELECT b',
    'SELECT 1 UNION ALL SELECT 2 UNION DISTINCT SELECT 3 ORDER BY 1 LIMIT 2',
    '(SELECT 1) UNION (SELECT 2 LIMIT 1) ORDER BY 1',
    '(SELECT 1)',
    '((SELECT 1))',
    'SELECT 1 EXCEPT SELECT 2 INTERSECT SELECT 3',
    'WITH x AS (SELECT 1 AS n) SELECT * FROM x',
    'WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 5) SELECT n FROM x',
    'WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b',
    'SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y',
    'VALUES (1, 2), (3, 4)',
    'SELECT a INTO @x FROM t WHERE id = 1',
    'SELECT a, b FROM t LIMIT 1 INTO @x, @y',
    "SELECT a FROM t INTO OUTFILE '/tmp/a' FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY " +
      "'\"' LINES TERMINATED BY '\\n'",
    "SELECT a INTO DUMPFILE '/tmp/a' FROM t",
    'SELECT a FROM t WHERE a IN (1, 2, 3) AND b NOT IN (?, ?) AND (c, d) IN ((1, 2), (3, 4))',
    'SELECT a FROM t WHERE a BETWEEN 1 AND 2 AND b NOT BETWEEN ? AND ?',
    "SELECT a FROM t WHERE a LIKE '%x' OR b NOT LIKE 'y|%' ESCAPE '|'",
    "SELECT a FROM t WHERE a REGEXP '^x' OR b NOT RLIKE 'y' OR a SOUNDS LIKE 'z'",
    'SELECT a FROM t WHERE a IS NULL AND b IS NOT NULL AND c IS TRUE AND d IS NOT FALSE AND e ' +
      'IS UNKNOWN',
    'SELECT a FROM t WHERE a <=> NULL AND a != 1 AND a <> 2 AND NOT a >= 3 AND ! (a < 4)',
    'SELECT a FROM t WHERE a = 1 && b = 2 || c = 3 XOR d = 4',
    'SELECT a FROM t WHERE a > ALL (SELECT b FROM u) AND a = ANY (SELECT 1) AND a <> SOME ' +
      '(SELECT 2)',
    'SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u) AND NOT EXISTS (SELECT 2 FROM v)',
    'SELECT a FROM t WHERE (SELECT COUNT(*) FROM u) > 1',
    'SELECT a FROM t WHERE ROW(a, b) = (1, 2)',
    'SELECT a FROM t WHERE (a, b) = (SELECT 1, 2)',
    'SELECT ((SELECT 1) + 1), ((SELECT 1), 2) = (1, 2), ((SELECT 3))',
    "SELECT a FROM t WHERE MATCH (a, b) AGAINST ('x' IN BOOLEAN MODE)",
    "SELECT MATCH a AGAINST ('x' WITH QUERY EXPANSION) FROM t",
    'SELECT MATCH (a) AGAINST (? IN NATURAL LANGUAGE MODE) FROM t',
    'SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 2 END FROM t',
    'SELECT CAST(a AS SIGNED), CAST(a AS UNSIGNED INTEGER), CAST(a AS CHAR(10) CHARACTER SET ' +
      'utf8mb4), CAST(a AS DECIMAL(10, 2)), CAST(a AS BINARY(3)), CAST(a AS DATETIME(6)), CAST(a ' +
      'AS DATE), CAST(a AS TIME), CAST(a AS DOUBLE) FROM t',
    'SELECT CONVERT(a, CHAR), CONVERT(a, UNSIGNED), CONVERT(a USING utf8mb4) FROM t',
    "SELECT TRIM(a), TRIM(BOTH 'x' FROM a), TRIM(LEADING FROM a), TRIM(TRAILING 'y' FROM a), " +
      "TRIM('x' FROM a) FROM t",
    'SELECT SUBSTRING(a, 1), SUBSTRING(a FROM 1 FOR 2), SUBSTR(a, 1, 2), MID(a, 1, 2) FROM t',
    "SELECT POSITION('a' IN b), LOCATE('a', b), CHAR(65, 66 USING utf8mb4), CHAR(65) FROM t",
    'SELECT EXTRACT(YEAR_MONTH FROM a), EXTRACT(DAY FROM NOW()) FROM t',
    'SELECT DATE_ADD(a, INTERVAL 1 DAY), DATE_SUB(a, INTERVAL ? HOUR), ADDDATE(a, 1), ' +
      'SUBDATE(a, INTERVAL 1 + 1 WEEK) FROM t',
    'SELECT a + INTERVAL 1 MONTH, a - INTERVAL b SECOND, INTERVAL 1 DAY + a FROM t',
    "SELECT INTERVAL(3, 1, 2), a + INTERVAL (1 + 1) DAY, a + INTERVAL '1:2' MINUTE_SECOND FROM t",
    "SELECT TIMESTAMPDIFF(MINUTE, a, b), TIMESTAMPADD(DAY, 1, a), GET_FORMAT(DATE, 'EUR') FROM t",
    'SELECT WEIGHT_STRING(a), WEIGHT_STRING(a AS CHAR(3)), WEIGHT_STRING(a AS BINARY(3)) FROM t',
    'SELECT CURRENT_DATE, CURRENT_TIME(), CURRENT_TIMESTAMP, LOCALTIME, LOCALTIMESTAMP(), ' +
      'UTC_DATE, UTC_TIME(), UTC_TIMESTAMP(3), CURRENT_USER, CURRENT_USER()',
    'SELECT NOW(), SYSDATE(), CURDATE(), CURTIME(2), DATABASE(), SCHEMA(), USER(), VERSION(), ' +
      'CONNECTION_ID(), LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS()',
    'SELECT IF(a, b, c), IFNULL(a, 0), NULLIF(a, b), COALESCE(a, b, 0), LEFT(a, 1), RIGHT(a, ' +
      "1), REPLACE(a, 'x', 'y'), INSERT(a, 1, 2, 'z'), REPEAT(a, 3), MOD(a, 2), TRUNCATE(a, 1), " +
      'FORMAT(a, 2) FROM t',
    'SELECT DATE(a), TIME(a), TIMESTAMP(a), YEAR(a), MONTH(a), DAY(a), HOUR(a), MINUTE(a), ' +
      'SECOND(a), WEEK(a), QUARTER(a), MICROSECOND(a) FROM t',
    "SELECT DATE '2026-01-31', TIME'10:00:00', TIMESTAMP '2026-01-31 10:00:00', {d " +
      "'2026-01-31'}, {t '10:00:00'}, {ts '2026-01-31 10:00:00'}, {fn NOW()}",
    "SELECT 'a', \"b\", 'a' 'b' \"c\", 'it''s', \"say \"\"x\"\"\", 'a\\'b', '\\\\', '\\n', " +
      "'\\%', ''",
    "SELECT _utf8mb4'x', _latin1 'x' 'y', N'x', n'x' 'y', _binary x'00', _utf8mb4 0x41, x'', " +
      "X'1f', B'01', b'', 0x1f, 0b01, \\N",
    'SELECT 1, 01, 1.5, .5, 5., 1e5, 1E-5, 1.e+5, .5e5, 9007199254740993, 1.10, ' +
      '12345678901234567890.12345678901234567890',
    'SELECT 5--1, 5 - -1, - - 1, +-+1, ~1, -(1), - a FROM t',
    'SELECT a.b, a . b, `a`.`b`, a.`b`, `a`.b, c.a.b, a.1b, a.select, a.5 FROM t',
    'SELECT 1a, 1e, 0x1g, $a, a$b, é, 0X1F, t.0x1 FROM t',
    'SELECT 1 + 2 * 3 DIV 4 % 5 MOD 6 ^ 7 | 8 & 9 << 10 >> 11 FROM t',
    "SELECT a COLLATE utf8mb4_bin, -a COLLATE 'utf8mb4_bin', BINARY a, a = BINARY b FROM t",
    'SELECT @a, @`a b`, @\'c\', @"d", @a.b, @$x, @a := 1, @@version, @@global.sql_mode, ' +
      '@@session.autocommit, @@`sql_mode`, @@local.x, @@default.key_buffer_size',
    'SELECT a FROM t ORDER BY a IS NULL, a DESC, FIELD(a, 1, 2), RAND()',
    'SELECT ROW_NUMBER() OVER (PARTITION BY a, b ORDER BY c DESC), RANK() OVER w, SUM(a) OVER ' +
      '(w ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t WINDOW w AS (ORDER BY a)',
    'SELECT SUM(a) OVER (ORDER BY b RANGE BETWEEN 1 PRECEDING AND 2 FOLLOWING), COUNT(*) OVER ' +
      '() FROM t',
    'SELECT LAG(a, 1) OVER (ORDER BY b), FIRST_VALUE(a) OVER (ORDER BY b ROWS 2 PRECEDING) FROM t',
    'SELECT mydb.myfunc(1, 2), `mydb`.`myfunc`(), myfunc(a, b), `now`()',
    'SELECT count, sum, min, max, now, date, time, timestamp, year, user, value, status, name, ' +
      'type, level, names, begin, end FROM t',
    'SELECT count(*), count( * ), count(1), count(DISTINCT a), count(DISTINCT a, b), count(ALL ' +
      'a) FROM t',
    'SELECT now (), myfunc (1)',
    "SELECT JSON_EXTRACT(a, '$.b'), JSON_VALUE(a, '$.c'), JSON_UNQUOTE(JSON_EXTRACT(a, " +
      "'$.d')), JSON_ARRAYAGG(a), JSON_OBJECTAGG(a, b) FROM t",
    "SELECT j.a FROM t, JSON_TABLE(t.doc, '$[*]' COLUMNS (a INT PATH '$.a', n FOR ORDINALITY)) " +
      'AS j',
    'SELECT /*+ MAX_EXECUTION_TIME(100) */ a FROM t',
    'SELECT /* plain */ a # line\n FROM t -- another\n WHERE 1',
    'SELECT a-- b\n FROM t',
    'SELECT a FROM t--\n',
    'SELECT `a``b`, `"`, `\'` FROM `t```',
    'SELECT a FROM t WHERE a = DATE(?) AND b IN (SELECT id FROM u WHERE c = ?) ORDER BY d LIMIT ?',
    'SELECT * FROM t1 AS a LEFT JOIN (t2 AS b LEFT JOIN t3 AS c ON b.id = c.id) ON a.id = b.id',
    'select `t0`.`id` as `t0_id`, `t0`.`name` as `t0_name` from `user` `t0` where `t0`.`id` = ' +
      '? order by `t0`.`id` asc limit ?',
    'SELECT `User`.`id` AS `User_id` FROM `user` `User` WHERE ( (`User`.`id` = ?) ) AND ( ' +
      '`User`.`id` IN (?) ) LIMIT 1',
    'select count(*) as `cnt` from `user` as `u` left join `post` as `p` on (`p`.`author_id` = ' +
      '`u`.`id`) where not (`u`.`age` < ?)',
    'SELECT `id`, `name` FROM `Users` AS `User` WHERE (`User`.`deletedAt` IS NULL AND ' +
      "`User`.`id` = '7') LIMIT 1;",
    // As object mappers and query builders write them.
    'select `p`.*, `c`.`name` as `category_name` from `product` as `p` inner join `category` ' +
      'as `c` on `c`.`id` = `p`.`category_id` where `p`.`price` between ? and ? and `p`.`tags` ' +
      'like ? order by `p`.`created_at` desc limit ? offset ?',
    'select exists(select * from `user` where `email` = ?) as `found`',
    'select `id`, row_number() over (partition by `owner_id` order by `id` asc) as `n` from ' +
      '`entry`',
    'select sum(`amount`) as `sum`, max(`amount`) as `max` from `entry` where ' +
      'date(`created_at`) = ? group by `owner_id` having sum(`amount`) > ?',
    'SELECT `main`.*, `posts`.`id` AS `posts.id` FROM (SELECT `User`.`id` FROM `Users` AS ' +
      '`User` ORDER BY `User`.`id` LIMIT 0, 10) AS `main` LEFT OUTER JOIN `Posts` AS `posts` ON ' +
      '`main`.`id` = `posts`.`userId`',
    'SELECT COUNT(DISTINCT(`User`.`id`)) AS `cnt` FROM `user` `User` LEFT JOIN `post` `posts` ' +
      'ON `posts`.`author_id`=`User`.`id` AND (`posts`.`deleted_at` IS NULL)',
    'SELECT DISTINCT `distinctAlias`.`User_id` AS `ids_User_id` FROM (SELECT `User`.`id` AS ' +
      '`User_id` FROM `user` `User`) `distinctAlias` ORDER BY `User_id` ASC LIMIT 1',
    "select `t`.`a`, (select coalesce(json_arrayagg(json_object('id', `o`.`id`)), " +
      'json_array()) from `orders` as `o` where `o`.`t_id` = `t`.`id`) as `orders` from `t`',
    'select * from `stock` where `sku` = ? and `quantity` >= ? for update skip locked',
    'SELECT e0.* FROM employee e0 WHERE e0.salary = (SELECT MAX(e1.salary) FROM employee e1 ' +
      'WHERE e1.dept = e0.dept)',
    'SELECT CONCAT_WS(?, first, last) AS full_name, COALESCE(nick, first, ?) FROM person WHERE ' +
      '(first, last) > (?, ?)',
    "SELECT DATE_FORMAT(created_at, '%Y-%m') AS month, COUNT(*) FROM entry GROUP BY month WITH " +
      'ROLLUP',
    'SELECT a, b FROM t WHERE a IS NOT NULL AND (b IS NULL OR b NOT IN (SELECT c FROM u WHERE ' +
      'u.d = t.d))',
    'SELECT (a + b) * -c / NULLIF(d, 0) % 7 AS x FROM t WHERE NOT (a = 1 OR b = 2) XOR c',
    'SELECT LOWER(TRIM(name)), CHAR_LENGTH(name), HEX(id), UNHEX(?), BIN_TO_UUID(id) FROM t ' +
      "WHERE id = UUID_TO_BIN('x')",
    'SELECT t.a FROM db1.t AS t STRAIGHT_JOIN db2.u AS u USE INDEX (i) ON t.id = u.id WHERE ' +
      'u.b <=> ?',
    'SELECT VERSION() AS `version`',
    'SELECT @@version_comment LIMIT 1',
    'SELECT @@session.auto_increment_increment AS auto_increment_increment, ' +
      '@@character_set_client AS c',
    'SELECT `TABLE_NAME` FROM `INFORMATION_SCHEMA`.`TABLES` WHERE `TABLE_SCHEMA` = DATABASE() ' +
      "AND `TABLE_TYPE` != 'VIEW'",
    'SELECT GET_LOCK(?, 10), RELEASE_LOCK(?), SLEEP(0)',
    'SELECT a FROM t PROCEDURE_ WHERE 1',
  ],
  transaction: [
    'BEGIN',
    'BEGIN;',
    'BEGIN WORK',
    'START TRANSACTION',
    'START TRANSACTION READ ONLY',
    'START TRANSACTION READ WRITE',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
    'COMMIT',
    'COMMIT WORK',
    'COMMIT AND CHAIN',
    'COMMIT AND NO CHAIN NO RELEASE',
    'COMMIT RELEASE',
    'ROLLBACK',
    'ROLLBACK WORK AND CHAIN',
    'SAVEPOINT trx3;',
    'SAVEPOINT `sp 1`',
    'ROLLBACK TO SAVEPOINT trx3',
    'ROLLBACK TO trx3',
    'ROLLBACK WORK TO SAVEPOINT trx3',
    'RELEASE SAVEPOINT trx3',
  ],
  xa: [
    "XA START 'g'",
    "XA BEGIN 'g', 'b', 1",
    "XA END 'g','b'",
    "XA PREPARE x'67', x'62', 0x1",
    "XA COMMIT 'g' ONE PHASE",
    "XA ROLLBACK 'g'",
    'XA RECOVER',
  ],
  set: [
    'SET autocommit = 0',
    'SET AUTOCOMMIT=1, @a = 2',
    "SET SESSION sql_mode = 'ANSI_QUOTES'",
    "SET @@session.time_zone = '+00:00', @@global.max_connections = DEFAULT",
    'SET GLOBAL key_buffer_size = 1024 * 1024',
    'SET NAMES utf8mb4',
    "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'",
    'SET NAMES DEFAULT',
    'SET CHARACTER SET utf8mb4',
    'SET CHARSET latin1',
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    'SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET @a := (SELECT MAX(id) FROM t), @b = ?',
    'SET foreign_key_checks = OFF',
    'SET sql_log_bin = ON',
    'SET character_set_results = NULL',
    'SET LOCAL character_set_client = binary',
    'SET my_cache.key_buffer_size = 1',
    'SET ROLE admin',
    "SET PASSWORD = 'x'",
  ],
  use: ['USE bank', 'USE `my bank`'],
  ddl: [
    'CREATE TABLE t (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(10) ' +
      "DEFAULT 'x;y') ENGINE=InnoDB",
    'CREATE TEMPORARY TABLE IF NOT EXISTS bank.t LIKE u',
    'CREATE OR REPLACE TABLE t AS SELECT 1 AS a',
    'CREATE UNIQUE INDEX i ON t (a, b DESC)',
    'CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW v AS SELECT 1',
    'CREATE DATABASE IF NOT EXISTS bank CHARACTER SET utf8mb4',
    'CREATE SEQUENCE s START WITH 1',
    'ALTER TABLE t ADD COLUMN b INT, DROP COLUMN a',
    'DROP TABLE IF EXISTS a, bank.b CASCADE',
    'DROP INDEX i ON t',
    'DROP VIEW v, w',
    'DROP DATABASE bank',
    'TRUNCATE TABLE t',
    'TRUNCATE t',
    'RENAME TABLE a TO b, c TO d',
    'CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END',
    'CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END',
    "CREATE USER 'u'@'%' IDENTIFIED BY 'p'",
  ],
  call: ['CALL p', 'CALL p()', 'CALL bank.p(1, ?, @out)', 'CALL `p`(NOW())'],
  lockTables: ['LOCK TABLES t READ, u AS x WRITE', 'UNLOCK TABLES'],
  prepared: [
    "PREPARE s FROM 'SELECT 1'",
    'PREPARE s FROM @q',
    'EXECUTE s',
    'EXECUTE s USING @a, @b',
    "EXECUTE IMMEDIATE 'SELECT 1'",
    'DEALLOCATE PREPARE s',
    'DROP PREPARE s',
  ],
  show: [
    'SHOW TABLES',
    "SHOW VARIABLES LIKE 'sql_mode'",
    'SHOW CREATE TABLE t',
    'DESCRIBE t',
    'EXPLAIN SELECT 1',
    'EXPLAIN UPDATE t SET a = 1',
    'DESC t',
  ],
  opaque: [
    'ANALYZE TABLE t',
    'OPTIMIZE TABLE t',
    'KILL 5',
    'FLUSH TABLES',
    "DO RELEASE_LOCK('x')",
    "LOAD DATA INFILE 'x' INTO TABLE t",
    'GRANT SELECT ON bank.* TO u',
    'HANDLER t OPEN',
    'SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1',
    'ANALYZE UPDATE t SET a = 1',
    'BEGIN NOT ATOMIC SELECT 1; SELECT 2; END',
  ],
}

/** What MySQL 8 has and MariaDB 10.11 does not, with what it is. */
const mysqlOnly: readonly (readonly [string, MysqlStatement['kind'], string])[] = [
  ['INSERT INTO t (a) VALUES (1) AS n ON DUPLICATE KEY UPDATE a = n.a', 'insert', 'row alias'],
  ['INSERT INTO t SET a = 1 AS n (m) ON DUPLICATE KEY UPDATE a = m', 'insert', 'row alias'],
  ['INSERT INTO t VALUES ROW(1, 2), ROW(3, 4)', 'insert', 'row constructors'],
  ['INSERT INTO t TABLE u', 'insert', 'TABLE statement'],
  ['WITH x AS (SELECT 1 AS a) UPDATE t JOIN x ON x.a = t.a SET t.b = 1', 'update', 'WITH UPDATE'],
  ['WITH x AS (SELECT 1 AS a) DELETE FROM t WHERE a IN (SELECT a FROM x)', 'delete', 'WITH DELETE'],
  ['DELETE FROM t AS x WHERE x.a = 1', 'delete', 'alias of a single table'],
  ['SELECT a FROM t FOR SHARE', 'select', 'FOR SHARE'],
  ['SELECT a FROM t, u FOR UPDATE OF t NOWAIT FOR SHARE OF u SKIP LOCKED', 'select', 'OF'],
  ["SELECT doc -> '$.a', t.doc ->> '$.b' FROM t", 'select', 'JSON arrows'],
  ["SELECT a FROM t WHERE 1 MEMBER OF (doc -> '$.a')", 'select', 'MEMBER OF'],
  ['SELECT a FROM t, LATERAL (SELECT 1) AS l (b)', 'select', 'LATERAL'],
  ['SELECT VALUES(a) FROM t', 'select', 'VALUES outside of INSERT'],
  ['TABLE t ORDER BY a LIMIT 1', 'select', 'TABLE statement'],
  ['VALUES ROW(1, 2), ROW(3, 4) ORDER BY 1', 'select', 'row constructors'],
  ['SELECT CAST(a AS JSON), CAST(a AS YEAR) FROM t', 'select', 'types of CAST'],
  [
    "SELECT JSON_VALUE(a, '$.b' RETURNING DECIMAL(10, 2) NULL ON EMPTY ERROR ON ERROR) FROM t",
    'select',
    'options of JSON_VALUE',
  ],
  ['SELECT d.a FROM (SELECT 1) AS d (a)', 'select', 'columns of a derived table'],
  ['SET PERSIST max_connections = 1, @@persist_only.x = 2', 'set', 'PERSIST'],
  ['EXPLAIN ANALYZE SELECT 1', 'opaque', 'EXPLAIN ANALYZE'],
]

export const mysqlCorpus: readonly CorpusEntry[] = [
  ...(Object.keys(corpus) as MysqlStatement['kind'][]).flatMap((kind) =>
    corpus[kind]!.map((sql) => ({ sql, kind })),
  ),
  ...mysqlOnly.map(([sql, kind, reason]) => ({ sql, kind, mysqlOnly: reason })),
]
