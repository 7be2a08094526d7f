// Command inventory lists what a cluster offers, as YAML.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"example.com/platform/internal/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "inventory", Short: "List what a cluster offers", SilenceUsage: true}
	kubeconfig := root.PersistentFlags().String("kubeconfig", "", "path of a kubeconfig file")
	root.AddCommand(
		&cobra.Command{
			Use:   "kinds",
			Short: "Print the kinds that the server knows",
			Args:  cobra.NoArgs,
			RunE:  func(c *cobra.Command, _ []string) error { return kinds(c, *kubeconfig) },
		},
		&cobra.Command{
			Use:   "objects KIND.GROUP",
			Short: "Print all objects of a kind",
			Args:  cobra.ExactArgs(1),
			RunE:  func(c *cobra.Command, words []string) error { return objects(c, *kubeconfig, words[0]) },
		},
	)
	return root
}

func kinds(c *cobra.Command, kubeconfig string) error {
	config, err := cluster.Config(kubeconfig)
	if err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		return err
	}
	return printed(c, lists)
}

func objects(c *cobra.Command, kubeconfig, word string) error {
	config, err := cluster.Config(kubeconfig)
	if err != nil {
		return err
	}
	known, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(known))
	mapping, err := mapper.RESTMapping(schema.ParseGroupKind(word))
	if err != nil {
		return err
	}
	list, err := client.Resource(mapping.Resource).List(c.Context(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	return printed(c, list.Object)
}

func printed(c *cobra.Command, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.OutOrStdout(), string(text))
	return err
}
