package catalog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoadReadsTheEmbeddedCatalogue(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	total, soldOut := c.Count()
	if total != 8 || soldOut != 2 {
		t.Errorf("Count() = %d, %d; want 8, 2", total, soldOut)
	}
	if first := c.Products("")[0]; first.Name != "Enamel kettle" || first.Price() != "42.90" {
		t.Errorf("the first product is %q for %s", first.Name, first.Price())
	}
}

func TestProductsOfACategory(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Products(CategoryGarden)); got != 2 {
		t.Errorf("%d garden products, want 2", got)
	}
	if got := c.Products("nothing"); got == nil || len(got) != 0 {
		t.Errorf("an unknown category gives %#v, want an empty slice", got)
	}
}

// Without this test a new category in products.json would be easy to forget.
func TestGeneratedCategoriesAreUpToDate(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range c.Products("") {
		want = append(want, p.Category)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(Categories, want) {
		t.Errorf("Categories = %v, the data has %v: run go generate", Categories, want)
	}
}

func TestParseRefusesABrokenCatalogue(t *testing.T) {
	for file, want := range map[string]string{
		"duplicate.json":     "A-1 is there twice",
		"free.json":          "has no price",
		"negative.json":      "negative stock",
		"unknown_field.json": `unknown field "colour"`,
		"cut_off.json":       "unexpected EOF",
		"two_lists.json":     "something after the list",
	} {
		t.Run(file, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := Parse(f); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		})
	}
}
