package query_test

import (
	"os"
	"testing"

	"rosey/internal/suite"
)

func TestMain(m *testing.M) {
	os.Exit(suite.Run(m, suite.Usual))
}
