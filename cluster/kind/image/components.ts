import { PRODUCTION } from '../../production.ts';
import type { Profile } from '../../profile.ts';
import type { BinaryRef } from '../../toolchain/resolve.ts';
import { toolImage } from './tool.ts';

/** One image: programs of the toolchain and files of Debian packages, and nothing else. */
export interface ComponentImage {
  readonly reference: string;
  /** Path in the image to the program there. */
  readonly programs: Readonly<Record<string, BinaryRef>>;
  /** Path in the image to a file of the packages: `/pause` is `/usr/bin/catatonit`. Links, as absolute paths. */
  readonly links?: Readonly<Record<string, string>>;
  /** Debian packages that are unpacked into it, with what they depend on. */
  readonly packages?: readonly string[];
  readonly entrypoint: readonly string[];
  /** Numeric: the kubelet refuses a name where `runAsNonRoot` is asked for. */
  readonly user?: string;
  /** What an engine ends it with; absent: SIGTERM. */
  readonly stopSignal?: string;
  /** Files with their content. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Who the containers of Kyverno are, as in its own images. */
const NOBODY = '65534';

/** catatonit is what Podman's pods have for it: one static program of Debian's, so that nothing needs a C compiler. */
export const PAUSE_IMAGE = 'toolforge-local/pause:1';

/** CoreDNS and etcd are those that the toolchain pins, not those that kubeadm would name. */
export const COREDNS = '1.14.7';

export function etcdTag(profile: Pick<Profile, 'etcd'>): string {
  return `${profile.etcd}-0`;
}

/** An image of one program. */
function program(
  module: string,
  binary: string,
  directory = '/usr/local/bin',
): Pick<ComponentImage, 'programs' | 'entrypoint'> {
  return {
    programs: { [`${directory}/${binary}`]: { module, binary } },
    entrypoint: [`${directory}/${binary}`],
  };
}

/** All images that the containerd of a node that is built here has from the start. */
export function componentImages(profile: Profile): ComponentImage[] {
  return [...kubernetesImages(profile), ...platformImages(profile)];
}

/** What kubeadm asks for; a node image of kind's own has these. */
function kubernetesImages({ kubernetes, etcd }: Profile): ComponentImage[] {
  const kubernetesModule = `kubernetes-${kubernetes}`;
  return [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((binary) => ({
      reference: `registry.k8s.io/${binary}:v${kubernetes}`,
      ...program(kubernetesModule, binary),
    })),
    {
      reference: `registry.k8s.io/kube-proxy:v${kubernetes}`,
      ...program(kubernetesModule, 'kube-proxy'),
      packages: ['iptables', 'conntrack', 'kmod'],
      // Debian makes these links when the package is configured; here nothing of it runs.
      links: Object.fromEntries(
        ['iptables', 'ip6tables'].flatMap((name) =>
          ['', '-save', '-restore'].map((suffix) => [
            `/usr/sbin/${name}${suffix}`,
            '/usr/sbin/xtables-nft-multi',
          ]),
        ),
      ),
    },
    {
      reference: `registry.k8s.io/etcd:${etcdTag({ etcd })}`,
      ...program(`etcd-${etcd}`, 'etcd'),
      // As in Kubernetes' own image: for restoring a snapshot where the data is.
      programs: Object.fromEntries(
        ['etcd', 'etcdutl'].map((binary) => [`/usr/local/bin/${binary}`, { module: `etcd-${etcd}`, binary }]),
      ),
    },
    {
      reference: `registry.k8s.io/coredns/coredns:v${COREDNS}`,
      ...program(`coredns-${COREDNS}`, 'coredns', ''),
    },
    {
      reference: PAUSE_IMAGE,
      programs: {},
      packages: ['catatonit'],
      entrypoint: ['/usr/bin/catatonit', '-P'],
      user: '65535:65535',
    },
  ];
}

/** What the platform and its tools need besides: loaded into nodes that do not have them. */
export function platformImages({ kyverno }: Pick<Profile, 'kyverno'>): ComponentImage[] {
  const ofKyverno = (name: string, binary: string): ComponentImage => ({
    reference: `${PRODUCTION.kyvernoRegistry}/kyverno/${name}:v${kyverno}`,
    ...program(`kyverno-${kyverno}`, binary, ''),
    user: NOBODY,
  });
  return [
    ofKyverno('kyverno', 'kyverno'),
    ofKyverno('kyvernopre', 'kyverno-init'),
    ofKyverno('background-controller', 'background-controller'),
    ofKyverno('cleanup-controller', 'cleanup-controller'),
    ofKyverno('reports-controller', 'reports-controller'),
    toolImage(),
  ];
}

/** Programs of the node itself. */
export function nodePrograms(profile: Profile): BinaryRef[] {
  const module = `kubernetes-${profile.kubernetes}`;
  return ['kubelet', 'kubeadm', 'kubectl'].map((binary) => ({ module, binary }));
}

/** The programs of some images, and others, each once. */
export function programsOf(images: readonly ComponentImage[], more: readonly BinaryRef[] = []): BinaryRef[] {
  const all = [...more, ...images.flatMap(({ programs }) => Object.values(programs))];
  const seen = new Set<string>();
  return all.filter(({ module, binary }) => {
    const key = `${module}/${binary}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The programs of all images and of the node itself, where its image is built here. */
export function imagePrograms(profile: Profile): BinaryRef[] {
  return programsOf(componentImages(profile), nodePrograms(profile));
}
