-- SPDX-License-Identifier: Apache-2.0
--
-- orders.sql
--	  The tables of orders.c: a trigger keeps the stock, a function sums up.

CREATE TABLE product (id int PRIMARY KEY, price numeric, stock int);
INSERT INTO product VALUES (1, 9.50, 10), (2, 24.00, 10);

CREATE TABLE purchase (
	product int REFERENCES product,
	customer int,
	PRIMARY KEY (product, customer)
);

CREATE FUNCTION take_from_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE product SET stock = stock - 1 WHERE id = NEW.product;
	RETURN NEW;
END $$;

CREATE TRIGGER stock AFTER INSERT ON purchase
	FOR EACH ROW EXECUTE FUNCTION take_from_stock();

CREATE FUNCTION revenue(who int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	total numeric;
BEGIN
	SELECT sum(price) INTO total
		FROM purchase JOIN product ON id = product WHERE customer = who;
	RETURN total;
END $$;
