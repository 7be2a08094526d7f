// Package stock is the job of the worker: it counts what is left to sell and
// remembers how often it did.
package stock

import (
	"fmt"
	"io"
	"sync/atomic"

	"example.com/shop/catalog"
)

// Job counts the products of a catalogue. Its methods may be called at the
// same time from several goroutines.
type Job struct {
	load    func() (*catalog.Catalog, error)
	runs    atomic.Int64
	failed  atomic.Int64
	total   atomic.Int64
	soldOut atomic.Int64
}

// NewJob makes a job that asks load for the catalogue in every run.
func NewJob(load func() (*catalog.Catalog, error)) *Job {
	return &Job{load: load}
}

// Run does the job once and says in one line what it found.
func (j *Job) Run() (string, error) {
	j.runs.Add(1)
	c, err := j.load()
	if err != nil {
		j.failed.Add(1)
		return "", err
	}
	total, soldOut := c.Count()
	j.total.Store(int64(total))
	j.soldOut.Store(int64(soldOut))
	return fmt.Sprintf("%d products, %d sold out", total, soldOut), nil
}

// WriteCounters writes one "name value" line for each counter.
func (j *Job) WriteCounters(w io.Writer) error {
	_, err := fmt.Fprintf(w, "worker_runs_total %d\nworker_runs_failed_total %d\nworker_products %d\nworker_products_sold_out %d\n",
		j.runs.Load(), j.failed.Load(), j.total.Load(), j.soldOut.Load())
	return err
}
