package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func migrate(t *testing.T, args ...string) string {
	t.Helper()
	var out strings.Builder
	if err := run(args, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestVersion(t *testing.T) {
	if got := migrate(t, "--version"); got != "migrate dev\n" {
		t.Errorf("--version prints %q", got)
	}
}

func TestList(t *testing.T) {
	want := "0001_create_products.sql\n0002_create_orders.sql\n0003_add_stock.sql\n0010_index_orders.sql\n"
	if got := migrate(t, "--list"); got != want {
		t.Errorf("--list prints\n%s", got)
	}
	if got := migrate(t, "--list", "--after", "3"); got != "0010_index_orders.sql\n" {
		t.Errorf("--list --after 3 prints\n%s", got)
	}
}

func TestTheScript(t *testing.T) {
	got := migrate(t, "--after", "2")
	if !strings.HasPrefix(got, "-- 0003_add_stock.sql\nALTER TABLE products") || strings.Contains(got, "CREATE TABLE") {
		t.Errorf("--after 2 prints\n%s", got)
	}
}

func TestMigrationsAreOrderedByNumber(t *testing.T) {
	migrations, err := load(fstest.MapFS{
		"migrations/10_last.sql": {Data: []byte("SELECT 10;")},
		"migrations/9_first.sql": {Data: []byte("SELECT 9;")},
		"migrations/notes.txt":   {Data: []byte("no migration")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(migrations) != 2 || migrations[0].file != "9_first.sql" || migrations[1].sql != "SELECT 10;" {
		t.Errorf("%+v", migrations)
	}
}

func TestBadNamesAreErrors(t *testing.T) {
	for want, files := range map[string]fstest.MapFS{
		"does not start with a number": {"migrations/create_orders.sql": {}},
		"have the same number":         {"migrations/2_a.sql": {}, "migrations/02_b.sql": {}},
	} {
		if _, err := load(files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
