package stock

import (
	"errors"
	"strings"
	"testing"

	"example.com/shop/catalog"
)

func counters(t *testing.T, job *Job) string {
	t.Helper()
	var out strings.Builder
	if err := job.WriteCounters(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRunCountsProducts(t *testing.T) {
	job := NewJob(catalog.Load)
	line, err := job.Run()
	if err != nil || line != "8 products, 2 sold out" {
		t.Errorf("Run() = %q, %v", line, err)
	}
	want := "worker_runs_total 1\nworker_runs_failed_total 0\nworker_products 8\nworker_products_sold_out 2\n"
	if got := counters(t, job); got != want {
		t.Errorf("counters:\n%s", got)
	}
}

func TestAFailedRunKeepsTheLastFigures(t *testing.T) {
	broken := errors.New("no catalogue today")
	var failure error
	job := NewJob(func() (*catalog.Catalog, error) {
		if failure != nil {
			return nil, failure
		}
		return catalog.Load()
	})
	if _, err := job.Run(); err != nil {
		t.Fatal(err)
	}
	failure = broken
	if _, err := job.Run(); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	want := "worker_runs_total 2\nworker_runs_failed_total 1\nworker_products 8\nworker_products_sold_out 2\n"
	if got := counters(t, job); got != want {
		t.Errorf("counters:\n%s", got)
	}
}
