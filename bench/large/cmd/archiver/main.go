// Command archiver puts the log of a finished pod into an S3 bucket.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"example.com/platform/internal/cluster"
	"example.com/platform/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bucket := flag.String("bucket", "", "name of the bucket")
	namespace := flag.String("namespace", "default", "namespace of the pod")
	flag.Parse()
	if err := run(ctx, *bucket, *namespace, flag.Arg(0)); err != nil {
		slog.Error("archiver", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bucket, namespace, pod string) error {
	if bucket == "" || pod == "" {
		return errors.New("usage: archiver -bucket NAME [-namespace NAME] POD")
	}
	shutdown, err := telemetry.Start(ctx, "archiver")
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	config, err := cluster.Config("")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	log, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("log of %s: %w", pod, err)
	}
	account, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	_, err = s3.NewFromConfig(account).PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket),
		Key:    aws.String(path.Join(namespace, pod, time.Now().UTC().Format(time.RFC3339)+".log")),
		Body:   bytes.NewReader(log),
	})
	return err
}
