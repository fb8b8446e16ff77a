package settee.interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.seata.core.exception.TransactionExceptionCode;
import org.apache.seata.core.model.BranchStatus;
import org.apache.seata.core.model.BranchType;
import org.apache.seata.core.model.GlobalStatus;
import org.apache.seata.core.protocol.AbstractMessage;
import org.apache.seata.core.protocol.AbstractResultMessage;
import org.apache.seata.core.protocol.BatchResultMessage;
import org.apache.seata.core.protocol.HeartbeatMessage;
import org.apache.seata.core.protocol.MergeResultMessage;
import org.apache.seata.core.protocol.MergedWarpMessage;
import org.apache.seata.core.protocol.ProtocolConstants;
import org.apache.seata.core.protocol.RegisterRMRequest;
import org.apache.seata.core.protocol.RegisterRMResponse;
import org.apache.seata.core.protocol.RegisterTMRequest;
import org.apache.seata.core.protocol.RegisterTMResponse;
import org.apache.seata.core.protocol.RpcMessage;
import org.apache.seata.core.protocol.transaction.BranchCommitRequest;
import org.apache.seata.core.protocol.transaction.BranchCommitResponse;
import org.apache.seata.core.protocol.transaction.BranchRegisterRequest;
import org.apache.seata.core.protocol.transaction.BranchRegisterResponse;
import org.apache.seata.core.protocol.transaction.BranchReportRequest;
import org.apache.seata.core.protocol.transaction.BranchReportResponse;
import org.apache.seata.core.protocol.transaction.BranchRollbackRequest;
import org.apache.seata.core.protocol.transaction.BranchRollbackResponse;
import org.apache.seata.core.protocol.transaction.GlobalBeginRequest;
import org.apache.seata.core.protocol.transaction.GlobalBeginResponse;
import org.apache.seata.core.protocol.transaction.GlobalCommitRequest;
import org.apache.seata.core.protocol.transaction.GlobalCommitResponse;
import org.apache.seata.core.protocol.transaction.GlobalLockQueryRequest;
import org.apache.seata.core.protocol.transaction.GlobalLockQueryResponse;
import org.apache.seata.core.protocol.transaction.GlobalReportRequest;
import org.apache.seata.core.protocol.transaction.GlobalReportResponse;
import org.apache.seata.core.protocol.transaction.GlobalRollbackRequest;
import org.apache.seata.core.protocol.transaction.GlobalRollbackResponse;
import org.apache.seata.core.protocol.transaction.GlobalStatusRequest;
import org.apache.seata.core.protocol.transaction.GlobalStatusResponse;
import org.apache.seata.core.protocol.transaction.UndoLogDeleteRequest;

/**
 * Prints every message of the protocol as a frame, encoded by Seata's own encoder: one line of JSON
 * each, with the class, the fields that were set and the bytes in hex.
 */
public final class CaptureFrames {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String XID = "192.168.0.7:8091:5521000000000000001";
  private static final String RESOURCE = "jdbc:mysql://127.0.0.1:3306/shop";
  private static final String UNICODE = "né 中文 \uD83D\uDE80";
  private static final String LONG_TEXT = "0123456789".repeat(60);
  /** More than a JavaScript number holds. */
  private static final long BRANCH_ID = 5521000000000000003L;

  private final PrintStream out =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
  private final Object encoder;
  private final Method encode;

  private CaptureFrames() throws Exception {
    System.setOut(System.err);
    encoder = encoderClass().getDeclaredConstructor().newInstance();
    encode =
        Arrays.stream(encoder.getClass().getDeclaredMethods())
            .filter(method -> method.getName().equals("encode"))
            .filter(method -> method.getParameterCount() == 3)
            .findFirst()
            .orElseThrow();
    encode.setAccessible(true);
  }

  public static void main(String[] arguments) throws Exception {
    CaptureFrames capture = new CaptureFrames();
    capture.requests();
    capture.answers();
    capture.values();
    capture.merged();
    capture.heartbeats();
    System.exit(0);
  }

  /** It was renamed in 2.1. */
  private static Class<?> encoderClass() throws ClassNotFoundException {
    String folder = ProtocolConstants.class.getPackageName().replace(".protocol", ".rpc.netty.v1.");
    try {
      return Class.forName(folder + "ProtocolV1Encoder");
    } catch (ClassNotFoundException renamed) {
      return Class.forName(folder + "ProtocolEncoderV1");
    }
  }

  private void requests() throws Exception {
    for (String text : new String[] {null, "", "t", UNICODE, LONG_TEXT}) {
      request(GlobalBeginRequest.class, "timeout", 60000, "transactionName", text);
      request(
          BranchRegisterRequest.class,
          "xid", XID, "branchType", "AT", "resourceId", RESOURCE,
          "lockKey", text, "applicationData", text);
      request(
          RegisterTMRequest.class,
          "version", "1.5.2", "applicationId", text,
          "transactionServiceGroup", "default_tx_group", "extraData", text);
      request(
          RegisterRMRequest.class,
          "version", "1.5.2", "applicationId", "shop", "resourceIds", text,
          "transactionServiceGroup", "default_tx_group", "extraData", null);
    }
    for (Class<?> type :
        List.of(GlobalCommitRequest.class, GlobalRollbackRequest.class, GlobalStatusRequest.class)) {
      request(type, "xid", XID, "extraData", null);
      request(type, "xid", null, "extraData", UNICODE);
    }
    request(GlobalReportRequest.class, "xid", XID, "extraData", null, "globalStatus", "Committed");
    request(GlobalReportRequest.class, "xid", XID, "extraData", "x", "globalStatus", null);
    for (Class<?> type : List.of(BranchCommitRequest.class, BranchRollbackRequest.class)) {
      for (String text : new String[] {null, "{\"autoCommit\":false}", UNICODE, LONG_TEXT}) {
        request(
            type,
            "xid", XID, "branchId", BRANCH_ID, "branchType", "AT",
            "resourceId", RESOURCE, "applicationData", text);
      }
    }
    request(
        BranchReportRequest.class,
        "xid", XID, "branchId", BRANCH_ID, "branchType", "AT", "status", "PhaseOne_Failed",
        "resourceId", null, "applicationData", UNICODE);
    request(
        GlobalLockQueryRequest.class,
        "xid", XID, "branchType", "AT", "resourceId", RESOURCE,
        "lockKey", "account:1,2;stock:a_1", "applicationData", null);
    request(
        UndoLogDeleteRequest.class, "branchType", "AT", "resourceId", RESOURCE, "saveDays", 7);
  }

  private void answers() throws Exception {
    for (Object[] result : RESULTS) {
      answer(GlobalBeginResponse.class, result, "xid", XID, "extraData", null);
      answer(GlobalCommitResponse.class, result, "globalStatus", "Committed");
      answer(GlobalRollbackResponse.class, result, "globalStatus", "RollbackRetrying");
      answer(GlobalStatusResponse.class, result, "globalStatus", "Begin");
      answer(GlobalReportResponse.class, result, "globalStatus", "Finished");
      answer(BranchRegisterResponse.class, result, "branchId", BRANCH_ID);
      answer(BranchReportResponse.class, result);
      answer(GlobalLockQueryResponse.class, result, "lockable", true);
      answer(
          BranchCommitResponse.class,
          result, "xid", XID, "branchId", BRANCH_ID, "branchStatus", "PhaseTwo_Committed");
      answer(
          BranchRollbackResponse.class,
          result,
          "xid", XID, "branchId", -1L, "branchStatus", "PhaseTwo_RollbackFailed_Retryable");
    }
    answer(GlobalLockQueryResponse.class, RESULTS[0], "lockable", false);
    for (Class<?> type : List.of(RegisterTMResponse.class, RegisterRMResponse.class)) {
      // Constructors set a result code, which does not travel in this version of the frames.
      answer(type, new Object[] {}, "identified", true, "version", "2.6.0");
      answer(type, new Object[] {}, "identified", false, "version", null);
    }
  }

  private static final Object[][] RESULTS = {
    {"resultCode", "Success", "transactionExceptionCode", "Unknown"},
    {"resultCode", "Failed", "msg", null, "transactionExceptionCode", "LockKeyConflict"},
    {"resultCode", "Failed", "msg", UNICODE, "transactionExceptionCode", "FailedStore"},
  };

  /** Every value of every enumeration that travels. */
  private void values() throws Exception {
    for (GlobalStatus status : GlobalStatus.values()) {
      answer(GlobalStatusResponse.class, RESULTS[0], "globalStatus", status.name());
    }
    for (BranchStatus status : BranchStatus.values()) {
      request(
          BranchReportRequest.class,
          "xid", "a:1:7", "branchId", 1L, "branchType", "XA", "status", status.name());
    }
    for (BranchType type : BranchType.values()) {
      request(
          BranchRegisterRequest.class,
          "xid", "a:1:7", "branchType", type.name(), "resourceId", "r", "lockKey", null);
    }
    for (TransactionExceptionCode code : TransactionExceptionCode.values()) {
      answer(
          BranchRegisterResponse.class,
          new Object[] {"resultCode", "Failed", "transactionExceptionCode", code.name()},
          "branchId", 0L);
    }
  }

  private void merged() throws Exception {
    Map<String, Object> begin = fields("timeout", 1000, "transactionName", UNICODE);
    Map<String, Object> register =
        fields("xid", XID, "branchType", "TCC", "resourceId", "act", "lockKey", null);
    MergedWarpMessage warp = new MergedWarpMessage();
    warp.msgs.add((AbstractMessage) bean(GlobalBeginRequest.class, begin));
    warp.msgs.add((AbstractMessage) bean(BranchRegisterRequest.class, register));
    warp.msgIds.addAll(List.of(41, 2147483647));
    List<Object> requests =
        List.of(part(GlobalBeginRequest.class, begin), part(BranchRegisterRequest.class, register));
    print(warp, fields("messages", requests, "messageIds", warp.msgIds), oneway());

    Map<String, Object> begun = answerFields(RESULTS[0], "xid", XID, "extraData", null);
    Map<String, Object> refused = answerFields(RESULTS[2], "branchId", BRANCH_ID);
    List<Object> answers =
        List.of(
            part(GlobalBeginResponse.class, begun), part(BranchRegisterResponse.class, refused));
    AbstractResultMessage[] beans = {
      (AbstractResultMessage) bean(GlobalBeginResponse.class, begun),
      (AbstractResultMessage) bean(BranchRegisterResponse.class, refused)
    };
    MergeResultMessage result = new MergeResultMessage();
    result.setMsgs(beans);
    print(result, fields("messages", answers), ProtocolConstants.MSGTYPE_RESPONSE);
    BatchResultMessage batch = new BatchResultMessage();
    batch.getResultMessages().addAll(List.of(beans));
    batch.getMsgIds().addAll(List.of(41, 42));
    print(
        batch,
        fields("messages", answers, "messageIds", batch.getMsgIds()),
        ProtocolConstants.MSGTYPE_RESPONSE);
  }

  private void heartbeats() throws Exception {
    print(
        HeartbeatMessage.PING, Map.of("ping", true), ProtocolConstants.MSGTYPE_HEARTBEAT_REQUEST);
    print(
        HeartbeatMessage.PONG, Map.of("ping", false), ProtocolConstants.MSGTYPE_HEARTBEAT_RESPONSE);
  }

  private void request(Class<?> type, Object... pairs) throws Exception {
    boolean isOneway = type == UndoLogDeleteRequest.class;
    byte frameType = isOneway ? oneway() : ProtocolConstants.MSGTYPE_RESQUEST_SYNC;
    Map<String, Object> fields = fields(pairs);
    print(bean(type, fields), fields, frameType);
  }

  private void answer(Class<?> type, Object[] result, Object... pairs) throws Exception {
    Map<String, Object> fields = answerFields(result, pairs);
    print(bean(type, fields), fields, ProtocolConstants.MSGTYPE_RESPONSE);
  }

  private static byte oneway() {
    return ProtocolConstants.MSGTYPE_RESQUEST_ONEWAY;
  }

  private static Object part(Class<?> type, Map<String, Object> fields) {
    return fields("class", type.getSimpleName(), "fields", fields);
  }

  private static Map<String, Object> answerFields(Object[] result, Object... pairs) {
    List<Object> all = new ArrayList<>(Arrays.asList(result));
    all.addAll(Arrays.asList(pairs));
    return fields(all.toArray());
  }

  /** Names and values in turn. */
  private static Map<String, Object> fields(Object... pairs) {
    Map<String, Object> all = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) all.put((String) pairs[i], pairs[i + 1]);
    return all;
  }

  private static Object bean(Class<?> type, Map<String, Object> fields) {
    return JSON.convertValue(fields, type);
  }

  private void print(Object message, Map<String, Object> fields, byte frameType) throws Exception {
    RpcMessage frame = new RpcMessage();
    frame.setId(7);
    frame.setMessageType(frameType);
    frame.setCodec((byte) 1);
    frame.setCompressor((byte) 0);
    frame.setBody(message);
    ByteBuf bytes = Unpooled.buffer();
    encode.invoke(encoder, null, frame, bytes);
    // The encoder logs what goes wrong and writes nothing.
    if (!bytes.isReadable()) throw new IllegalStateException("not encoded: " + message);
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("class", message.getClass().getSimpleName());
    line.put("fields", fields);
    line.put("frameType", frameType);
    line.put("hex", ByteBufUtil.hexDump(bytes));
    out.println(JSON.writeValueAsString(line));
  }
}
