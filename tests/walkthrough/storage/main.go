// Puts a policy into MinIO: storage NAME < POLICY
// The server and its administrator's keys come from S3_ADDRESS, MINIO_ROOT_USER and
// MINIO_ROOT_PASSWORD; SSL_CERT_FILE says whom to trust.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/minio/madmin-go/v3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: storage NAME < POLICY")
		os.Exit(2)
	}
	if err := put(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "failed to put the policy %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func put(ctx context.Context, name string, document io.Reader) error {
	policy, err := io.ReadAll(document)
	if err != nil {
		return err
	}
	user, password := os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD")
	client, err := madmin.New(os.Getenv("S3_ADDRESS"), user, password, true)
	if err != nil {
		return err
	}
	return client.AddCannedPolicy(ctx, name, policy)
}
