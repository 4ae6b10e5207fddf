CREATE TABLE items (id integer PRIMARY KEY, value integer NOT NULL);
INSERT INTO items SELECT id, 100000 + (id::bigint * 7919) % 900000 FROM generate_series(10000, 19999) AS id;
ANALYZE items;
