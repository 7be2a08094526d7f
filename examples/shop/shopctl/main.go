// Command shopctl is the shop's command line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"example.com/shop/catalog"
	"example.com/shop/shopctl/internal/token"
)

// version is set while linking: go build -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	if err := newCommand().Execute(); err != nil {
		os.Exit(1) // cobra has printed the error
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:          "shopctl",
		Short:        "Look into the shop and make access tokens",
		Version:      version,
		SilenceUsage: true,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(productsCommand(), tokenCommand())
	return root
}

func productsCommand() *cobra.Command {
	var category string
	var asJSON bool
	command := &cobra.Command{
		Use:   "products",
		Short: "List what the shop sells",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if category != "" && !slices.Contains(catalog.Categories, category) {
				return fmt.Errorf("there is no category %q, only %s", category, strings.Join(catalog.Categories, ", "))
			}
			c, err := catalog.Load()
			if err != nil {
				return err
			}
			products := c.Products(category)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(products)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SKU\tNAME\tPRICE\tSTOCK")
			for _, p := range products {
				fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", p.SKU, p.Name, p.Price(), p.Stock)
			}
			return table.Flush()
		},
	}
	command.Flags().StringVar(&category, "category", "", "only this category")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func tokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME",
		Short: "Make an access token and the hash to store for it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret := token.New(args[0])
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "token %s\nhash  %s\n", secret, token.Hash(secret))
			return err
		},
	}
}
