-- engine: postgresql
-- expect: safe
-- because: a new table: nobody uses it yet
CREATE TABLE invoices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    total numeric(12, 2) NOT NULL DEFAULT 0 CHECK (total >= 0),
    made_at timestamptz NOT NULL DEFAULT now()
);
