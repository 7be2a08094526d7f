// Package records keeps what was seen of a cluster in PostgreSQL.
package records

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Record is one object at one moment.
type Record struct {
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Seen      time.Time `json:"seen"`
}

// Store writes records to a database.
type Store struct{ pool *pgxpool.Pool }

// Open connects lazily: the first query opens a connection.
func Open(ctx context.Context, address string) (*Store, error) {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool}, nil
}

// Close returns all connections.
func (s *Store) Close() { s.pool.Close() }

// Save writes the records in one round trip.
func (s *Store) Save(ctx context.Context, records []Record) error {
	batch := &pgx.Batch{}
	for _, r := range records {
		batch.Queue(`insert into records (kind, namespace, name, seen) values ($1, $2, $3, $4)
			on conflict (kind, namespace, name) do update set seen = excluded.seen`, r.Kind, r.Namespace, r.Name, r.Seen)
	}
	return s.pool.SendBatch(ctx, batch).Close()
}
