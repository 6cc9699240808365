// Command render-chart prints the manifests of a Helm chart, as `helm template`
// does, without hooks and without a cluster. It links only the part of Helm that
// loads and renders charts, which is quick to build after Kyverno.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
)

type request struct {
	chart        string
	dependencies []string
	values       string
	kubeVersion  string
	apiVersions  []string
	includeCRDs  bool
	release      chartutil.ReleaseOptions
}

func main() {
	req, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // package flag has already printed the error and the usage
	}
	manifests, err := render(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, "render-chart:", err)
		os.Exit(1)
	}
	if _, err := os.Stdout.Write(manifests); err != nil {
		fmt.Fprintln(os.Stderr, "render-chart:", err)
		os.Exit(1)
	}
}

func parse(args []string, out io.Writer) (request, error) {
	req := request{release: chartutil.ReleaseOptions{Revision: 1, IsInstall: true}}
	flags := flag.NewFlagSet("render-chart", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprintln(out, "usage: render-chart [flags] CHART\n\nCHART is a directory or a .tgz archive.")
		flags.PrintDefaults()
	}
	flags.StringVar(&req.release.Name, "release", "release", "release `name`")
	flags.StringVar(&req.release.Namespace, "namespace", "default", "`namespace` of the release")
	flags.StringVar(&req.values, "values", "", "YAML or JSON `file` with values (- for standard input)")
	flags.StringVar(&req.kubeVersion, "kube-version", "", "Kubernetes `version` to render for (default: the client library's)")
	flags.BoolVar(&req.includeCRDs, "include-crds", true, "print the contents of crds/ directories")
	flags.Func("api-versions", "comma-separated API `versions` that the cluster serves, in place of Helm's default set", func(list string) error {
		req.apiVersions = append(req.apiVersions, strings.Split(list, ",")...)
		return nil
	})
	flags.Func("dependency", "`path` of a subchart that is missing in charts/ (repeatable)", func(path string) error {
		req.dependencies = append(req.dependencies, path)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return req, err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return req, errors.New("exactly one chart is needed")
	}
	req.chart = flags.Arg(0)
	return req, nil
}

// render follows action.Install with ClientOnly and DryRun set.
func render(req request) ([]byte, error) {
	loaded, err := load(req.chart, req.dependencies)
	if err != nil {
		return nil, err
	}
	values, err := readValues(req.values)
	if err != nil {
		return nil, err
	}
	caps, err := capabilities(req)
	if err != nil {
		return nil, err
	}
	if want := loaded.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
		return nil, fmt.Errorf("the chart needs Kubernetes %s, asked for %s", want, caps.KubeVersion.Version)
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
		return nil, err
	}
	if err := requireEnabledDependencies(loaded); err != nil {
		return nil, err
	}
	top, err := chartutil.ToRenderValues(loaded, values, req.release, caps)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, top)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	_, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if req.includeCRDs {
		for _, crd := range loaded.CRDObjects() {
			fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", crd.Filename, crd.File.Data)
		}
	}
	for _, m := range manifests {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	return out.Bytes(), nil
}

func load(path string, dependencies []string) (*chart.Chart, error) {
	loaded, err := loader.Load(path)
	if err != nil {
		return nil, err
	}
	for _, path := range dependencies {
		dependency, err := loader.Load(path)
		if err != nil {
			return nil, err
		}
		loaded.AddDependency(dependency)
	}
	return loaded, nil
}

func readValues(path string) (map[string]any, error) {
	var data []byte
	var err error
	switch path {
	case "":
		return map[string]any{}, nil
	case "-":
		data, err = io.ReadAll(os.Stdin)
	default:
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	values, err := chartutil.ReadValues(data)
	if err != nil {
		return nil, fmt.Errorf("values %s: %w", path, err)
	}
	return values, nil
}

func capabilities(req request) (*chartutil.Capabilities, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	if req.kubeVersion != "" {
		version, err := chartutil.ParseKubeVersion(req.kubeVersion)
		if err != nil {
			return nil, err
		}
		caps.KubeVersion = *version
	}
	if len(req.apiVersions) > 0 {
		caps.APIVersions = req.apiVersions
	}
	return caps, nil
}

// requireEnabledDependencies refuses a chart that would silently render without
// a subchart its values ask for. Helm refuses disabled ones too; a chart taken
// from a source tree may lack those.
func requireEnabledDependencies(c *chart.Chart) error {
	for _, wanted := range c.Metadata.Dependencies {
		name := wanted.Name
		if wanted.Alias != "" {
			name = wanted.Alias
		}
		present := slices.ContainsFunc(c.Dependencies(), func(d *chart.Chart) bool { return d.Name() == name })
		if wanted.Enabled && !present {
			return fmt.Errorf("chart %s needs its subchart %s: give it with -dependency", c.Name(), name)
		}
	}
	return nil
}
