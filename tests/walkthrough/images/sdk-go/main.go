// Lists a bucket with the AWS SDK for Go and nothing but what the pod was given:
// sdk-go BUCKET
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sdk-go BUCKET")
		os.Exit(2)
	}
	if err := list(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(ctx context.Context, bucket string) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	credentials, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the SDK for Go has credentials from %s\n", credentials.Source)
	// The server goes by an address here: a bucket can't be a name below it.
	client := s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle = true })
	answer, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		return err
	}
	for _, object := range answer.Contents {
		fmt.Printf("%s, %d bytes\n", aws.ToString(object.Key), aws.ToInt64(object.Size))
	}
	return nil
}
