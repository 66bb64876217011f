package campaign

import (
	"context"
	"fmt"
	"os/exec"

	"rosey/internal/crashpoint"
)

// Build builds the program with its crash points. args are further arguments of
// go build.
func Build(ctx context.Context, path string, args ...string) error {
	args = append([]string{"build", "-tags", crashpoint.Tag, "-o", path}, args...)
	out, err := exec.CommandContext(ctx, "go", append(args, "rosey/cmd/rosey")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("campaign: build the program: %w\n%s", err, out)
	}
	return nil
}
