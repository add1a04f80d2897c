-- A shop of films and music as public samples have them, with what they are known for: mixed-case
-- names, partitions, an enum and domains that views show, a trigger on nearly every table, tables
-- that refer to one another, keys of two columns, a table without a key.
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CHECK (VALUE BETWEEN 1901 AND 2155);
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');

CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN NEW.last_update = CURRENT_TIMESTAMP; RETURN NEW; END$$;

CREATE TABLE language (language_id serial PRIMARY KEY, name character(20) NOT NULL,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE TABLE category (category_id serial PRIMARY KEY, name text NOT NULL UNIQUE,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE TABLE actor (actor_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE INDEX idx_actor_last_name ON actor (last_name);
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, description text,
  release_year year, language_id integer NOT NULL REFERENCES language,
  original_language_id integer REFERENCES language, rental_rate numeric(4, 2) NOT NULL DEFAULT 4.99,
  length smallint, rating mpaa_rating DEFAULT 'G', special_features text[],
  fulltext tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('english', title)) STORED,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE INDEX film_fulltext_idx ON film USING gist (fulltext);
CREATE INDEX idx_title ON film (title);
CREATE TABLE film_actor (actor_id integer NOT NULL REFERENCES actor ON DELETE RESTRICT,
  film_id integer NOT NULL REFERENCES film ON DELETE RESTRICT,
  last_update timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (actor_id, film_id));
CREATE TABLE film_category (film_id integer NOT NULL REFERENCES film,
  category_id integer NOT NULL REFERENCES category,
  last_update timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (film_id, category_id));
CREATE TABLE address (address_id serial PRIMARY KEY, address text NOT NULL, phone text,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE TABLE store (store_id serial PRIMARY KEY, manager_staff_id integer NOT NULL UNIQUE,
  address_id integer NOT NULL REFERENCES address, last_update timestamptz NOT NULL DEFAULT now());
CREATE TABLE staff (staff_id serial PRIMARY KEY, first_name text NOT NULL, email email UNIQUE,
  address_id integer NOT NULL REFERENCES address,
  store_id integer NOT NULL REFERENCES store DEFERRABLE INITIALLY DEFERRED,
  last_update timestamptz NOT NULL DEFAULT now());
ALTER TABLE store ADD FOREIGN KEY (manager_staff_id) REFERENCES staff DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE customer (customer_id serial PRIMARY KEY, store_id integer NOT NULL REFERENCES store,
  first_name text NOT NULL, last_name text NOT NULL, email email,
  address_id integer NOT NULL REFERENCES address, activebool boolean NOT NULL DEFAULT true,
  create_date date NOT NULL DEFAULT CURRENT_DATE, last_update timestamptz DEFAULT now());
CREATE TABLE inventory (inventory_id serial PRIMARY KEY, film_id integer NOT NULL REFERENCES film,
  store_id integer NOT NULL REFERENCES store, last_update timestamptz NOT NULL DEFAULT now());
CREATE INDEX idx_store_id_film_id ON inventory (store_id, film_id);
CREATE TABLE rental (rental_id serial PRIMARY KEY, rental_date timestamptz NOT NULL,
  inventory_id integer NOT NULL REFERENCES inventory, customer_id integer NOT NULL REFERENCES customer,
  return_date timestamptz, staff_id integer NOT NULL REFERENCES staff,
  last_update timestamptz NOT NULL DEFAULT now());
CREATE UNIQUE INDEX idx_unq_rental ON rental (rental_date, inventory_id, customer_id);
CREATE TABLE payment (payment_id integer GENERATED ALWAYS AS IDENTITY,
  customer_id integer NOT NULL REFERENCES customer, rental_id integer NOT NULL REFERENCES rental,
  amount numeric(5, 2) NOT NULL, payment_date timestamptz NOT NULL,
  PRIMARY KEY (payment_date, payment_id)) PARTITION BY RANGE (payment_date);
CREATE TABLE payment_p2022_01 PARTITION OF payment FOR VALUES FROM ('2022-01-01') TO ('2022-02-01');
CREATE TABLE payment_p2022_02 PARTITION OF payment FOR VALUES FROM ('2022-02-01') TO ('2022-03-01');
CREATE TABLE payment_p2022_03 PARTITION OF payment FOR VALUES FROM ('2022-03-01') TO ('2022-04-01');
CREATE TABLE page_view (path text NOT NULL, at timestamptz NOT NULL DEFAULT now());

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['language', 'category', 'actor', 'film', 'film_actor', 'film_category',
    'address', 'store', 'staff', 'customer', 'inventory', 'rental'] LOOP
    EXECUTE format('CREATE TRIGGER last_updated BEFORE UPDATE ON %I FOR EACH ROW '
                   'EXECUTE FUNCTION last_updated()', name);
  END LOOP;
END$$;

CREATE TABLE "Artist" ("ArtistId" integer PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Album" ("AlbumId" integer PRIMARY KEY, "Title" varchar(160) NOT NULL,
  "ArtistId" integer NOT NULL REFERENCES "Artist");
CREATE TABLE "Genre" ("GenreId" integer PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Track" ("TrackId" integer PRIMARY KEY, "Name" varchar(200) NOT NULL,
  "AlbumId" integer REFERENCES "Album", "GenreId" integer REFERENCES "Genre",
  "UnitPrice" numeric(10, 2) NOT NULL);
CREATE INDEX "IFK_TrackAlbumId" ON "Track" ("AlbumId");
CREATE TABLE "Playlist" ("PlaylistId" integer PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "PlaylistTrack" ("PlaylistId" integer NOT NULL REFERENCES "Playlist",
  "TrackId" integer NOT NULL REFERENCES "Track", PRIMARY KEY ("PlaylistId", "TrackId"));

CREATE VIEW film_list AS SELECT film_id AS fid, title, rating, rental_rate AS price FROM film;
CREATE VIEW customer_list AS SELECT c.customer_id AS id, c.email, a.address, c.store_id AS sid
  FROM customer AS c JOIN address AS a USING (address_id);
CREATE MATERIALIZED VIEW rental_by_category AS
  SELECT c.name AS category, sum(p.amount) AS total_sales
    FROM payment AS p JOIN rental USING (rental_id) JOIN inventory USING (inventory_id)
    JOIN film_category USING (film_id) JOIN category AS c USING (category_id) GROUP BY c.name;
CREATE UNIQUE INDEX rental_category ON rental_by_category (category);
CREATE FUNCTION inventory_in_stock(item integer) RETURNS boolean LANGUAGE sql STABLE AS
  $$SELECT NOT EXISTS (SELECT FROM rental WHERE inventory_id = item AND return_date IS NULL)$$;
CREATE FUNCTION family_films() RETURNS SETOF film LANGUAGE sql STABLE AS
  $$SELECT * FROM film WHERE rating IN ('G', 'PG')$$;

INSERT INTO language (name) VALUES ('English'), ('French'), ('German');
INSERT INTO category (name) SELECT 'Category ' || n FROM generate_series(1, 16) AS n;
INSERT INTO actor (first_name, last_name) SELECT 'First ' || n, 'Last ' || n % 50
  FROM generate_series(1, 200) AS n;
INSERT INTO film (title, description, release_year, language_id, rating, special_features)
  SELECT 'Film ' || n, repeat('A tale. ', 10), 1950 + n % 70, 1 + n % 3,
         (enum_range(NULL::mpaa_rating))[1 + n % 5], ARRAY['Trailers'] FROM generate_series(1, 1000) AS n;
INSERT INTO film_actor SELECT 1 + (n * 7 + k * 31) % 200, n FROM generate_series(1, 1000) AS n,
  generate_series(0, 4) AS k;
INSERT INTO film_category SELECT n, 1 + n % 16 FROM generate_series(1, 1000) AS n;
INSERT INTO address (address) SELECT n || ' Road' FROM generate_series(1, 610) AS n;
BEGIN;
INSERT INTO store (manager_staff_id, address_id) VALUES (1, 1), (2, 2);
INSERT INTO staff (first_name, email, address_id, store_id)
  VALUES ('Mike', 'mike@shop', 3, 1), ('Jon', 'jon@shop', 4, 2);
COMMIT;
INSERT INTO customer (store_id, first_name, last_name, email, address_id)
  SELECT 1 + n % 2, 'First', 'Last ' || n, n || '@home', 5 + n FROM generate_series(1, 600) AS n;
INSERT INTO inventory (film_id, store_id) SELECT 1 + n % 1000, 1 + n % 2 FROM generate_series(1, 4500) AS n;
INSERT INTO rental (rental_date, inventory_id, customer_id, return_date, staff_id)
  SELECT timestamptz '2022-01-01' + n * interval '6 minutes', 1 + n % 4500, 1 + n % 600,
         CASE WHEN n % 50 > 0 THEN timestamptz '2022-04-01' END, 1 + n % 2 FROM generate_series(1, 8000) AS n;
INSERT INTO payment (customer_id, rental_id, amount, payment_date)
  SELECT customer_id, rental_id, 4.99, rental_date + interval '1 day' FROM rental;
INSERT INTO page_view (path) SELECT '/film/' || n FROM generate_series(1, 3000) AS n;
INSERT INTO "Artist" SELECT n, 'Artist ' || n FROM generate_series(1, 100) AS n;
INSERT INTO "Album" SELECT n, 'Album ' || n, 1 + n % 100 FROM generate_series(1, 300) AS n;
INSERT INTO "Genre" SELECT n, 'Genre ' || n FROM generate_series(1, 20) AS n;
INSERT INTO "Track" SELECT n, 'Track ' || n, 1 + n % 300, CASE WHEN n % 10 > 0 THEN 1 + n % 20 END, 0.99
  FROM generate_series(1, 3000) AS n;
INSERT INTO "Playlist" SELECT n, 'Playlist ' || n FROM generate_series(1, 15) AS n;
INSERT INTO "PlaylistTrack" SELECT 1 + n % 15, n FROM generate_series(1, 3000) AS n;
REFRESH MATERIALIZED VIEW rental_by_category;
ANALYZE;
