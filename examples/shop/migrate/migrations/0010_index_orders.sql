CREATE INDEX orders_by_sku ON orders (sku, created_at);
