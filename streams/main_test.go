package streams_test

import (
	"os"
	"testing"

	"rosey/internal/suite"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(envAsks); url != "" {
		os.Exit(asks(url))
	}
	os.Exit(suite.Run(m, suite.Usual))
}
