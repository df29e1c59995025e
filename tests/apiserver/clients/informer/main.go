// A controller of the plain kind, made of client-go alone: one of several processes is elected, lists and
// watches the config maps of a namespace, and takes their keys from a work queue. What it sees and does it
// says on standard output, one line each.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/workqueue"
)

const (
	workers = 4
	// Where the controller writes the value it saw: a change of its own that comes back as an update.
	seenAnnotation = "example.org/seen"
)

var printing sync.Mutex

func say(format string, values ...any) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf(format+"\n", values...)
}

type controller struct {
	client kubernetes.Interface
	lister listers.ConfigMapLister
	queue  workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

// sync answers an object's newest state; an error puts the key back.
func (c *controller) sync(ctx context.Context, key cache.ObjectName) error {
	obj, err := c.lister.ConfigMaps(key.Namespace).Get(key.Name)
	if errors.IsNotFound(err) {
		say("gone %s", key.Name)
		return nil
	}
	if err != nil {
		return err
	}
	value := obj.Data["value"]
	if obj.Annotations[seenAnnotation] == value {
		say("settled %s %s", key.Name, value)
		return nil
	}
	changed := obj.DeepCopy()
	metav1.SetMetaDataAnnotation(&changed.ObjectMeta, seenAnnotation, value)
	_, err = c.client.CoreV1().ConfigMaps(key.Namespace).Update(ctx, changed, metav1.UpdateOptions{})
	return err
}

func (c *controller) work(ctx context.Context) {
	for {
		key, ending := c.queue.Get()
		if ending {
			return
		}
		if err := c.sync(ctx, key); err != nil {
			say("again %s %v", key.Name, err)
			c.queue.AddRateLimited(key)
		} else {
			c.queue.Forget(key)
		}
		c.queue.Done(key)
	}
}

func (c *controller) enqueue(obj any) {
	if key, err := cache.DeletionHandlingObjectToName(obj); err == nil {
		c.queue.Add(key)
	}
}

func run(ctx context.Context, client kubernetes.Interface, namespace string) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "watched=yes" }))
	informer := factory.Core().V1().ConfigMaps()
	limiter := workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()
	c := &controller{client, informer.Lister(), workqueue.NewTypedRateLimitingQueue(limiter)}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, initial bool) {
			say("add %s initial=%t", obj.(*corev1.ConfigMap).Name, initial)
			c.enqueue(obj)
		},
		UpdateFunc: func(old, obj any) {
			before, after := old.(*corev1.ConfigMap), obj.(*corev1.ConfigMap)
			if !equality.Semantic.DeepEqual(before.Data, after.Data) {
				say("update %s %s", after.Name, after.Data["value"])
			}
			c.enqueue(obj)
		},
		DeleteFunc: func(obj any) {
			if lost, missed := obj.(cache.DeletedFinalStateUnknown); missed {
				obj = lost.Obj
			}
			say("delete %s", obj.(*corev1.ConfigMap).Name)
			c.enqueue(obj)
		},
	})
	if err != nil {
		panic(err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return
	}
	all, _ := informer.Lister().List(labels.Everything())
	say("synced %d", len(all))
	for range workers {
		go c.work(ctx)
	}
	<-ctx.Done()
	c.queue.ShutDown()
	factory.Shutdown()
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	namespace := flag.String("namespace", "default", "of the lease and of what is watched")
	identity := flag.String("identity", "", "this candidate's name")
	lease := flag.Duration("lease", time.Minute, "after that long without news of the leader another one leads")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config.QPS, config.Burst = 500, 1000
	client := kubernetes.NewForConfigOrDie(config)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, *namespace, "informer",
		client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: *identity})
	if err != nil {
		panic(err)
	}
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock:            lock,
		ReleaseOnCancel: true,
		LeaseDuration:   *lease,
		RenewDeadline:   *lease * 2 / 3,
		RetryPeriod:     *lease / 10,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				say("leading %s", *identity)
				run(ctx, client, *namespace)
			},
			OnStoppedLeading: func() { say("stopped %s", *identity) },
			OnNewLeader:      func(leader string) { say("leader %s", leader) },
		},
	})
}
