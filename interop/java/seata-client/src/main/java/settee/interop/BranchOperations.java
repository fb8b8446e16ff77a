package settee.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.seata.core.model.BranchStatus;
import org.apache.seata.core.model.BranchType;
import org.apache.seata.core.model.TransactionManager;
import org.apache.seata.rm.DefaultResourceManager;
import org.apache.seata.rm.tcc.TCCResource;
import org.apache.seata.rm.tcc.api.BusinessActionContext;
import org.apache.seata.saga.engine.StateMachineEngine;
import org.apache.seata.saga.rm.SagaResource;
import org.apache.seata.saga.rm.StateMachineEngineHolder;
import org.apache.seata.saga.statelang.domain.ExecutionStatus;
import org.apache.seata.saga.statelang.domain.StateMachine;
import org.apache.seata.saga.statelang.domain.StateMachineInstance;
import org.apache.seata.tm.TransactionManagerHolder;

/** Branches through the resource manager's API, and resources of TCC and Saga that count calls. */
public final class BranchOperations {
  private final String applicationId;
  private final List<Map<String, String>> calls = Collections.synchronizedList(new ArrayList<>());

  BranchOperations(String applicationId) {
    this.applicationId = applicationId;
  }

  void addTo(Control control) {
    control.on("branchRegister", this::register);
    control.on("branchReport", this::report);
    control.on("lockQuery", this::queryLock);
    control.on("tccResource", this::addTcc);
    control.on("sagaResource", this::addSaga);
    control.on("calls", request -> Map.of("calls", List.copyOf(calls)));
    control.on("burst", this::burst);
  }

  private Object register(JsonNode request) throws Exception {
    long branchId =
        DefaultResourceManager.get()
            .branchRegister(
                typeOf(request),
                request.get("resourceId").asText(),
                null,
                request.get("xid").asText(),
                textOf(request, "applicationData"),
                textOf(request, "lockKeys"));
    return Map.of("branchId", String.valueOf(branchId));
  }

  private Object report(JsonNode request) throws Exception {
    DefaultResourceManager.get()
        .branchReport(
            typeOf(request),
            request.get("xid").asText(),
            Long.parseLong(request.get("branchId").asText()),
            BranchStatus.valueOf(request.get("status").asText()),
            textOf(request, "applicationData"));
    return null;
  }

  private Object queryLock(JsonNode request) throws Exception {
    boolean isLockable =
        DefaultResourceManager.get()
            .lockQuery(
                typeOf(request),
                request.get("resourceId").asText(),
                request.get("xid").asText(),
                request.get("lockKeys").asText());
    return Map.of("lockable", isLockable);
  }

  private Object addTcc(JsonNode request) throws Exception {
    String action = request.get("action").asText();
    TCCResource resource = new TCCResource();
    resource.setAppName(applicationId);
    resource.setActionName(action);
    resource.setTargetBean(this);
    resource.setCommitMethodName("commitAction");
    resource.setCommitMethod(getClass().getMethod("commitAction", BusinessActionContext.class));
    resource.setCommitArgsClasses(new Class<?>[] {BusinessActionContext.class});
    resource.setPhaseTwoCommitKeys(new String[] {null});
    resource.setRollbackMethodName("rollbackAction");
    resource.setRollbackMethod(getClass().getMethod("rollbackAction", BusinessActionContext.class));
    resource.setRollbackArgsClasses(new Class<?>[] {BusinessActionContext.class});
    resource.setPhaseTwoRollbackKeys(new String[] {null});
    DefaultResourceManager.get().registerResource(resource);
    return Map.of("resourceId", resource.getResourceId());
  }

  /** Phase two of TCC branches. */
  public boolean commitAction(BusinessActionContext context) {
    return addCall("commit", context.getXid());
  }

  public boolean rollbackAction(BusinessActionContext context) {
    return addCall("rollback", context.getXid());
  }

  private Object addSaga(JsonNode request) throws Exception {
    StateMachineInstance ended = instance(null);
    StateMachineInstance compensated = instance(ExecutionStatus.SU);
    StateMachineEngine engine =
        (StateMachineEngine)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {StateMachineEngine.class},
                (self, method, arguments) -> {
                  switch (method.getName()) {
                    case "forward":
                      addCall("forward", (String) arguments[0]);
                      return ended;
                    case "compensate":
                      addCall("compensate", (String) arguments[0]);
                      return compensated;
                    case "reloadStateMachineInstance":
                      return ended;
                    default:
                      throw new UnsupportedOperationException(method.getName());
                  }
                });
    new StateMachineEngineHolder().setStateMachineEngine(engine);
    SagaResource resource = new SagaResource();
    resource.setApplicationId(applicationId);
    resource.setResourceGroupId(SeataClient.GROUP);
    DefaultResourceManager.get().registerResource(resource);
    return Map.of("resourceId", resource.getResourceId());
  }

  /** A machine that has succeeded and, when given, has been compensated. */
  private static StateMachineInstance instance(ExecutionStatus compensation) {
    StateMachine machine =
        (StateMachine)
            Proxy.newProxyInstance(
                BranchOperations.class.getClassLoader(),
                new Class<?>[] {StateMachine.class},
                (self, method, arguments) -> null);
    return (StateMachineInstance)
        Proxy.newProxyInstance(
            BranchOperations.class.getClassLoader(),
            new Class<?>[] {StateMachineInstance.class},
            (self, method, arguments) ->
                switch (method.getName()) {
                  case "getStatus" -> ExecutionStatus.SU;
                  case "getCompensationStatus" -> compensation;
                  case "getStateMachine" -> machine;
                  case "isRunning" -> false;
                  default -> null;
                });
  }

  private boolean addCall(String phase, String xid) {
    calls.add(Map.of("phase", phase, "xid", xid));
    return true;
  }

  /** Many threads at once, each with transactions of a few branches: the client merges requests. */
  private Object burst(JsonNode request) throws Exception {
    int threads = request.get("threads").asInt();
    int rounds = request.get("rounds").asInt();
    int branches = request.get("branches").asInt();
    String resourceId = request.get("resourceId").asText();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    CountDownLatch start = new CountDownLatch(1);
    List<Future<Integer>> lanes = new ArrayList<>();
    for (int lane = 0; lane < threads; lane++) {
      String keys = "burst:" + lane + "x";
      lanes.add(
          pool.submit(
              () -> {
                start.await();
                int count = 0;
                for (int round = 0; round < rounds; round++) {
                  count += oneOfBurst(resourceId, keys + round + "x", branches);
                }
                return count;
              }));
    }
    start.countDown();
    int total = 0;
    try {
      for (Future<Integer> lane : lanes) total += lane.get();
    } finally {
      pool.shutdown();
    }
    return Map.of("branches", total);
  }

  private int oneOfBurst(String resourceId, String keys, int branches) throws Exception {
    TransactionManager manager = TransactionManagerHolder.get();
    String xid = manager.begin(null, null, "burst", 60000);
    for (int i = 0; i < branches; i++) {
      DefaultResourceManager.get()
          .branchRegister(BranchType.AT, resourceId, null, xid, null, keys + i);
    }
    String status = manager.commit(xid).name();
    if (!status.equals("Committed")) throw new IllegalStateException(xid + " is " + status);
    return branches;
  }

  private static BranchType typeOf(JsonNode request) {
    return BranchType.valueOf(request.get("branchType").asText());
  }

  private static String textOf(JsonNode request, String name) {
    return request.hasNonNull(name) ? request.get(name).asText() : null;
  }
}
