CREATE TABLE orders (
    id         bigint PRIMARY KEY,
    sku        text NOT NULL REFERENCES products (sku),
    amount     integer NOT NULL CHECK (amount > 0),
    created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);
