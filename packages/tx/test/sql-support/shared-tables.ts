/** Tables that mean the same in all three dialects. */

export const sharedTables = `
CREATE TABLE account (id int NOT NULL PRIMARY KEY, owner varchar(40) UNIQUE,
  money int NOT NULL DEFAULT 0);
CREATE TABLE transfer (id int NOT NULL PRIMARY KEY, account int, amount int);
CREATE TABLE archive (id int NOT NULL PRIMARY KEY, owner varchar(40), money int);
CREATE TABLE composed (shop varchar(20) NOT NULL, line int NOT NULL, note varchar(20),
  PRIMARY KEY (shop, line));
CREATE TABLE by_text (id varchar(20) NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE keyless (note varchar(20));
CREATE TABLE watched (id int NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE customer (id int NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE purchase (id int NOT NULL PRIMARY KEY, customer int,
  FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE);
CREATE TABLE product (id int NOT NULL PRIMARY KEY, code int UNIQUE);
CREATE TABLE stock (id int NOT NULL PRIMARY KEY, code int,
  FOREIGN KEY (code) REFERENCES product (code) ON UPDATE CASCADE);
CREATE TABLE team (id int NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE member (id int NOT NULL PRIMARY KEY, team int,
  FOREIGN KEY (team) REFERENCES team (id) ON DELETE SET NULL);
CREATE TABLE country (id int NOT NULL PRIMARY KEY, note varchar(20));
CREATE TABLE city (id int NOT NULL PRIMARY KEY, country int,
  FOREIGN KEY (country) REFERENCES country (id));
`

export const sharedRows = `
INSERT INTO account VALUES (1, 'ann', 100), (2, 'bob', 200), (3, 'cid', 300), (4, NULL, 400);
INSERT INTO transfer VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30), (4, 9, 40), (5, NULL, NULL);
INSERT INTO archive VALUES (90, 'old', 1);
INSERT INTO composed VALUES ('north', 1, 'a'), ('north', 2, 'b'), ('south', 1, NULL);
INSERT INTO by_text VALUES ('x''y', 'quote'), ('ü', 'umlaut');
INSERT INTO keyless VALUES ('one'), ('one'), (NULL);
INSERT INTO customer VALUES (1, 'one'), (2, 'two');
INSERT INTO purchase VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO product VALUES (1, 10), (2, 20);
INSERT INTO stock VALUES (1, 10), (2, 20);
INSERT INTO team VALUES (1, 'one'), (2, 'two');
INSERT INTO member VALUES (1, 1), (2, 1), (3, NULL);
INSERT INTO country VALUES (1, 'one'), (2, 'two');
INSERT INTO city VALUES (1, 1);
`
