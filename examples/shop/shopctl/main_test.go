package main

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/shop/catalog"
	"example.com/shop/shopctl/internal/token"
)

// shopctl runs the command and returns what it prints.
func shopctl(args ...string) (string, error) {
	var out strings.Builder
	command := newCommand()
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(args)
	err := command.Execute()
	return out.String(), err
}

func TestVersion(t *testing.T) {
	if out, err := shopctl("--version"); err != nil || out != "shopctl dev\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestProductsAsATable(t *testing.T) {
	out, err := shopctl("products", "--category", "garden")
	want := "SKU      NAME            PRICE  STOCK\n" +
		"GAR-001  Watering can    31.50  9\n" +
		"GAR-002  Pruning shears  27.95  22\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestProductsAsJSON(t *testing.T) {
	out, err := shopctl("products", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var products []catalog.Product
	if err := json.Unmarshal([]byte(out), &products); err != nil || len(products) != 8 {
		t.Errorf("%d products, %v", len(products), err)
	}
}

func TestAnUnknownCategoryIsAnError(t *testing.T) {
	if out, err := shopctl("products", "--category", "moon"); err == nil || !strings.Contains(out, "garden, kitchen, office") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestTokenPrintsATokenAndItsHash(t *testing.T) {
	out, err := shopctl("token", "anna")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out)
	if len(words) != 4 || words[0] != "token" || words[2] != "hash" {
		t.Fatalf("output %q", out)
	}
	if !strings.HasPrefix(words[1], "anna.") {
		t.Errorf("the token is %s", words[1])
	}
	if ok, err := token.Verify(words[1], words[3]); !ok || err != nil {
		t.Errorf("token and hash do not fit: %t, %v", ok, err)
	}
}

func TestTokenNeedsAName(t *testing.T) {
	if _, err := shopctl("token"); err == nil {
		t.Error("no error")
	}
}
