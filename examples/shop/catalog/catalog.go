// Package catalog holds what the shop sells. The data is a JSON file that is
// compiled into every command that imports this package.
package catalog

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

//go:generate go run internal/gen/main.go

//go:embed products.json
var embedded []byte

// Product is one article of the shop.
type Product struct {
	SKU        string `json:"sku"`
	Name       string `json:"name"`
	Category   string `json:"category"`
	PriceCents int    `json:"price_cents"`
	Stock      int    `json:"stock"`
}

// Price is the price as people write it, for example "42.90".
func (p Product) Price() string {
	return fmt.Sprintf("%d.%02d", p.PriceCents/100, p.PriceCents%100)
}

// Catalog is a list of products in the order of the data file.
type Catalog struct {
	products []Product
}

// Load reads the embedded catalogue.
func Load() (*Catalog, error) {
	return Parse(bytes.NewReader(embedded))
}

// Parse reads a catalogue from JSON and refuses one that could not be sold from.
func Parse(r io.Reader) (*Catalog, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var products []Product
	if err := decoder.Decode(&products); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("read the catalogue: there is something after the list")
	}
	seen := make(map[string]bool, len(products))
	for i, p := range products {
		switch {
		case p.SKU == "":
			return nil, fmt.Errorf("product %d has no sku", i+1)
		case seen[p.SKU]:
			return nil, fmt.Errorf("sku %s is there twice", p.SKU)
		case p.Name == "" || p.Category == "":
			return nil, fmt.Errorf("product %s needs a name and a category", p.SKU)
		case p.PriceCents <= 0:
			return nil, fmt.Errorf("product %s has no price", p.SKU)
		case p.Stock < 0:
			return nil, fmt.Errorf("product %s has a negative stock", p.SKU)
		}
		seen[p.SKU] = true
	}
	return &Catalog{products: products}, nil
}

// Products lists everything, or one category if it is not empty. The slice
// belongs to the caller and is never nil, so that it becomes [] in JSON.
func (c *Catalog) Products(category string) []Product {
	found := make([]Product, 0, len(c.products))
	for _, p := range c.products {
		if category == "" || p.Category == category {
			found = append(found, p)
		}
	}
	return found
}

// Count says how many products there are, and how many of them are sold out.
func (c *Catalog) Count() (total, soldOut int) {
	for _, p := range c.products {
		if p.Stock == 0 {
			soldOut++
		}
	}
	return len(c.products), soldOut
}
